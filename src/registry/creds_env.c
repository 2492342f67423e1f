/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KANIKO_REGISTRY_EXAMPLE_COM_USER and _PASSWORD serve registry.example.com, KANIKO_EXAMPLE_COM_USER
 * every host below example.com, and so on up to KANIKO_COM_USER; KILN_ comes before KANIKO_ at each
 * step. A port stays part of the last label ("EXAMPLE_COM:5000"): odd, but that is how it is written.
 * A GitLab job brings CI_REGISTRY, CI_REGISTRY_USER and CI_REGISTRY_PASSWORD.
 */
#include "base/vec.h"
#include "os/environ.h"
#include "registry/creds_source.h"

typedef struct CredEnv {
    Arena arena;
    KeyValueVec variables; /* every one that may hold a credential: they may be unset later */
} CredEnv;

static bool may_matter(Str name)
{
    if (str_starts(name, S("CI_REGISTRY")))
        return true;
    return (str_starts(name, S("KILN_")) || str_starts(name, S("KANIKO_"))) &&
           (str_ends(name, S("_USER")) || str_ends(name, S("_PASSWORD")));
}

static int env_load(void **ret, Err *err)
{
    CredEnv *c = NEW(CredEnv);

    (void)err;
    environ_copy(may_matter, &c->arena, &c->variables);
    *ret = c;
    return 0;
}

static void env_free(void *state)
{
    CredEnv *c = state;

    vec_done(&c->variables);
    arena_done(&c->arena);
    free(c);
}

static const KeyValue *find_variable(const KeyValueVec *v, Str name)
{
    vec_foreach(kv, v)
        if (str_eq(kv->key, name) && kv->value.n)
            return kv;
    return NULL;
}

/* Both PREFIX_USER and PREFIX_PASSWORD, or nothing. */
static bool find_pair(const KeyValueVec *v, Str prefix, Credential *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    const KeyValue *user = find_variable(v, str_fmt_in(&a, STR_FMT "_USER", STR_ARG(prefix)));
    const KeyValue *password =
        find_variable(v, str_fmt_in(&a, STR_FMT "_PASSWORD", STR_ARG(prefix)));

    if (!user || !password)
        return false;
    *ret = (Credential){.username = user->value,
                        .password = password->value,
                        .identity_token = S(""),
                        .registry_token = S(""),
                        .source = user->key};
    return true;
}

static Str as_variable(Arena *a, Str host)
{
    char *z = arena_new_n(a, char, host.n + 1);

    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c == '-' || c == '.')
            c = '_';
        z[i] = c;
    }
    return (Str){z, host.n};
}

/* The nth pair that serves the host, from its whole name to its last label. */
static int env_find(void *state, const CredAsk *ask, unsigned nth, Credential *ret, Err *err)
{
    static const char *const prefixes[] = {"KILN_", "KANIKO_"};
    cleanup_arena Arena a = ARENA_INIT;
    const CredEnv *c = state;
    Str rest = ask->host, label;

    (void)err;
    do {
        Str name = as_variable(&a, rest);

        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
            if (find_pair(&c->variables, str_fmt_in(&a, "%s" STR_FMT, prefixes[i], STR_ARG(name)),
                          ret) &&
                nth-- == 0)
                return 1;
    } while (str_cut(rest, '.', &label, &rest));
    return 0;
}

static int gitlab_find(void *state, const CredAsk *ask, unsigned nth, Credential *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    const CredEnv *c = state;
    const KeyValue *ci = find_variable(&c->variables, S("CI_REGISTRY"));

    (void)err;
    return nth == 0 && ci && str_eq(creds_canonical_key(&a, ci->value), ask->host) &&
           find_pair(&c->variables, S("CI_REGISTRY"), ret);
}

const CredSource cred_source_env = {.name = "env",
                                    .load = env_load,
                                    .find = env_find,
                                    .free = env_free};
const CredSource cred_source_gitlab = {.name = "gitlab",
                                       .load = env_load,
                                       .find = gitlab_find,
                                       .free = env_free};
