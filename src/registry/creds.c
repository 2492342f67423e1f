/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/creds.h"

#include "base/log.h"
#include "registry/creds_source.h"

enum {
    CANDIDATES_MAX = 32 /* of one source for one repository */
};

static const CredSource *const sources[] = {
    &cred_source_files, &cred_source_env, &cred_source_google,
    &cred_source_ecr,   &cred_source_acr, &cred_source_gitlab,
};

struct CredStore {
    void *states[ARRAY_LEN(sources)]; /* NULL: it has nothing to say, or is not to be asked */
};

static bool is_hub_alias(Str host)
{
    return str_eq(host, S("index.docker.io")) || str_eq(host, S("registry-1.docker.io")) ||
           str_eq(host, S("registry.hub.docker.com"));
}

Str creds_canonical_key(Arena *a, Str key)
{
    Str host, path;

    if (key.n > 8 && str_eq_nocase(str_head(key, 8), S("https://")))
        key = str_skip(key, 8);
    else if (key.n > 7 && str_eq_nocase(str_head(key, 7), S("http://")))
        key = str_skip(key, 7);
    while (str_ends(key, S("/")))
        key.n--;
    if (!str_cut(key, '/', &host, &path)) {
        host = key;
        path = S("");
    }
    if (str_eq(path, S("v1")) || str_eq(path, S("v2")))
        path = S("");
    host = str_lower_in(a, host);
    if (is_hub_alias(host))
        host = S("docker.io");
    return str_fmt_in(a, STR_FMT "%s" STR_FMT, STR_ARG(host), path.n ? "/" : "", STR_ARG(path));
}

/* Without the port, if there is one. */
static Str without_port(Str host)
{
    Str name, port;

    return str_cut_last(host, ':', &name, &port) ? name : host;
}

bool cred_host_is_below(Str host, Str domain)
{
    host = without_port(host);
    if (host.n > domain.n && host.p[host.n - domain.n - 1] != '.')
        return false;
    return str_ends(host, domain);
}

bool creds_source_known(Str name)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (sources[i]->name && str_eq(str_from(sources[i]->name), name))
            return true;
    return false;
}

Str creds_source_names(Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (sources[i]->name)
            buf_addf(&text, "%s%s", text.n ? ", " : "", sources[i]->name);
    return str_dup_in(a, buf_str(&text));
}

static bool is_chosen(const CredSource *s, const StrVec *only)
{
    if (!only || !s->name)
        return true;
    vec_foreach(name, only)
        if (str_eq(*name, str_from(s->name)))
            return true;
    return false;
}

int creds_load(const StrVec *only, CredStore **ret, Err *err)
{
    cleanup_with(creds_free_at) CredStore *c = NEW(CredStore);

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (is_chosen(sources[i], only))
            TRY(sources[i]->load(&c->states[i], err));
    *ret = steal_ptr(&c);
    return 0;
}

void creds_free(CredStore *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (c->states[i])
            sources[i]->free(c->states[i]);
    free(c);
}

void creds_seal(const CredStore *c, bool sealed)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (c->states[i] && sources[i]->seal)
            sources[i]->seal(c->states[i], sealed);
}

static bool same_secret(const Credential *a, const Credential *b)
{
    return str_eq(a->username, b->username) && str_eq(a->password, b->password) &&
           str_eq(a->identity_token, b->identity_token) &&
           str_eq(a->registry_token, b->registry_token);
}

/* The same password in two files is one candidate: trying it twice is how accounts get locked. */
typedef struct Candidates {
    VEC(Credential) seen;
    unsigned wanted;
    Err failure; /* the first */
} Candidates;

/* 1 = it is the one that is wanted. */
static int add_candidate(Candidates *x, const Credential *c)
{
    vec_foreach(s, &x->seen)
        if (same_secret(s, c))
            return 0;
    vec_push(&x->seen, *c);
    return x->seen.n == x->wanted + 1;
}

static int ask_source(const CredSource *s, void *state, const CredAsk *ask, Candidates *x)
{
    for (unsigned n = 0; n < CANDIDATES_MAX; n++) {
        Credential c = CREDENTIAL_NONE;
        Err err;
        int r = s->find(state, ask, n, &c, &err);

        if (r == 0)
            return 0;
        if (r < 0) {
            log_debug("credentials: %s", err.msg);
            if (x->failure.kind == ERR_NONE)
                x->failure = err;
        } else if (add_candidate(x, &c)) {
            return 1;
        }
    }
    return 0;
}

int creds_find(const CredStore *c, Str registry, Str repository, unsigned nth, Credential *ret,
               Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    CredAsk ask = {creds_canonical_key(&a, registry), repository};
    Candidates x = {.wanted = nth};
    int found = 0;

    for (size_t i = 0; i < ARRAY_LEN(sources) && found == 0; i++)
        if (c->states[i])
            found = ask_source(sources[i], c->states[i], &ask, &x);
    if (found > 0) {
        *ret = x.seen.v[nth];
    } else if (x.seen.n == 0 && x.failure.kind != ERR_NONE) {
        *err = x.failure;
        found = -1;
    }
    vec_done(&x.seen);
    return found;
}

Str creds_nothing_found(const CredStore *c, Str registry, Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "no credentials for " STR_FMT, STR_ARG(registry));
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (c->states[i] && sources[i]->describe)
            sources[i]->describe(c->states[i], &text);
    return str_dup_in(a, buf_str(&text));
}
