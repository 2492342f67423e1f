/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registries of Amazon, Google and Microsoft, to whom the machine, pod or job we run in can say
 * who we are: no helper program is needed (cloud/cloud.h, docs/credentials.md).
 *
 * A login that cannot be had is no reason to stop: much of what lies there is for everybody. The
 * reason is told when the registry refuses.
 */
#include <pthread.h>

#include "cloud/cloud.h"
#include "registry/creds_source.h"

/* A login as it was handed out: its texts live as long as the state. */
typedef struct Given {
    char *host;
    Credential c;
} Given;

typedef struct CredCloud {
    Cloud *cloud;
    CloudKind kind;
    pthread_mutex_t lock; /* what follows */
    Arena arena;
    VEC(Given) given; /* the last for each host */
} CredCloud;

static int load(CloudKind kind, void **ret)
{
    CredCloud *s = NEW(CredCloud);

    s->cloud = cloud_new();
    s->kind = kind;
    (void)pthread_mutex_init(&s->lock, NULL);
    *ret = s;
    return 0;
}

static void cloud_source_free(void *state)
{
    CredCloud *s = state;

    cloud_free(s->cloud);
    vec_foreach(g, &s->given)
        free(g->host);
    vec_done(&s->given);
    arena_done(&s->arena);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static Given *given_to(CredCloud *s, Str host)
{
    Given fresh;

    vec_foreach(g, &s->given)
        if (str_eq(str_from(g->host), host))
            return g;
    fresh = (Given){str_dup(host), CREDENTIAL_NONE};
    vec_push(&s->given, fresh);
    return &s->given.v[s->given.n - 1];
}

/* The texts are copied only when they are new: once for every renewal. */
static Credential give(CredCloud *s, Str host, const CloudLogin *login)
{
    Given *g = given_to(s, host);

    if (!str_eq(g->c.password, login->password) ||
        !str_eq(g->c.identity_token, login->identity_token))
        g->c = (Credential){.username = str_dup_in(&s->arena, login->username),
                            .password = str_dup_in(&s->arena, login->password),
                            .identity_token = str_dup_in(&s->arena, login->identity_token),
                            .registry_token = S(""),
                            .source = str_dup_in(&s->arena, login->source)};
    return g->c;
}

static int cloud_find(void *state, const CredAsk *ask, unsigned nth, Credential *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    CredCloud *s = state;
    CloudLogin login;
    int r;

    if (nth > 0 || cloud_of_registry(ask->host) != s->kind)
        return 0;
    r = cloud_login(s->cloud, ask->host, &a, &login, err);
    if (r == 1) {
        (void)pthread_mutex_lock(&s->lock);
        *ret = give(s, ask->host, &login);
        (void)pthread_mutex_unlock(&s->lock);
    }
    return r;
}

static int google_load(void **ret, Err *err)
{
    (void)err;
    return load(CLOUD_GOOGLE, ret);
}

static int ecr_load(void **ret, Err *err)
{
    (void)err;
    return load(CLOUD_AMAZON, ret);
}

static int acr_load(void **ret, Err *err)
{
    (void)err;
    return load(CLOUD_MICROSOFT, ret);
}

const CredSource cred_source_google = {.name = "google",
                                       .load = google_load,
                                       .find = cloud_find,
                                       .free = cloud_source_free};
const CredSource cred_source_ecr = {.name = "ecr",
                                    .load = ecr_load,
                                    .find = cloud_find,
                                    .free = cloud_source_free};
const CredSource cred_source_acr = {.name = "acr",
                                    .load = acr_load,
                                    .find = cloud_find,
                                    .free = cloud_source_free};
