/* SPDX-License-Identifier: Apache-2.0 */
/* The Registry object: everything that is read once, and the retry of whole operations. */
#include "base/log.h"
#include "registry/internal.h"

enum {
    PAUSE_MS = 1000
}; /* as kaniko's --push-retry */

static int add_ca(Registry *r, const KeyValue *kv, Err *err)
{
    HostTls t = {.registry = kv->key, .tls = {.ca_file = str_dup_in(&r->arena, kv->value).p}};

    if (http_load_tls(r->http, &t.tls, err) < 0)
        return err_wrap(err, "certificate for " STR_FMT, STR_ARG(kv->key));
    vec_push(&r->certs, t);
    return 0;
}

static int add_client_certificate(Registry *r, const KeyValue *kv, Err *err)
{
    HostTls t = {.registry = kv->key};
    Str cert, key;

    if (!str_cut(kv->value, ',', &cert, &key))
        return err_set(err, ERR_USAGE,
                       "client certificate for " STR_FMT ": want CERTIFICATE,KEY, got \"" STR_FMT
                       "\"",
                       STR_ARG(kv->key), STR_ARG(kv->value));
    t.tls.client_cert = str_dup_in(&r->arena, cert).p;
    t.tls.client_key = str_dup_in(&r->arena, key).p;
    if (http_load_tls(r->http, &t.tls, err) < 0)
        return err_wrap(err, "client certificate for " STR_FMT, STR_ARG(kv->key));
    vec_push(&r->certs, t);
    return 0;
}

/* Who runs the build may want to be recognised by the registry: kaniko's variable for it. */
static const char *user_agent(Registry *r)
{
    const char *client = getenv("UPSTREAM_CLIENT_TYPE");

    if (!client || !*client || strpbrk(client, "\r\n"))
        return NULL;
    return str_fmt_in(&r->arena, "kiln/" KILN_VERSION ",%s", client).p;
}

/* Certificates are read now: a build may replace '/' before they are needed. */
int registry_new(const RegistryOpts *opts, Registry **ret, Err *err)
{
    cleanup_with(registry_free_at) Registry *r = NEW(Registry);

    r->opts = opts;
    r->pause_ms = PAUSE_MS;
    r->shared = NEW(RegistryShared);
    (void)pthread_mutex_init(&r->shared->lock, NULL);
    (void)pthread_cond_init(&r->shared->pulled, NULL);
    r->http = http_client_new(&(HttpClientOpts){.user_agent = user_agent(r)});
    TRY(creds_load(opts->chosen_helpers ? &opts->credential_helpers : NULL, &r->creds, err));
    vec_foreach(kv, &opts->certificates)
        TRY(add_ca(r, kv, err));
    vec_foreach(kv, &opts->client_certificates)
        TRY(add_client_certificate(r, kv, err));
    *ret = steal_ptr(&r);
    return 0;
}

void registry_prepare(Registry *r, const Reference *ref, bool for_push)
{
    cleanup_arena Arena a = ARENA_INIT;
    EndpointVec all = {0};

    endpoints_find(r, ref, for_push ? USE_PUSH : USE_PULL, &a, &all);
    vec_foreach(at, &all) {
        Credential c;
        Err ignored;

        unsigned n = 0;

        while (creds_find(r->creds, at->registry, at->repository, n, &c, &ignored) > 0)
            n++;
    }
    vec_done(&all);
}

void registry_seal(Registry *r, bool sealed)
{
    creds_seal(r->creds, sealed);
}

Registry *registry_share(const Registry *r, unsigned patience_ms)
{
    Registry *other = NEW(Registry);

    *other = (Registry){.opts = r->opts,
                        .http = r->http,
                        .creds = r->creds,
                        .pause_ms = r->pause_ms,
                        .certs = r->certs,
                        .shared = r->shared,
                        .is_second = true,
                        .patience_ms = patience_ms};
    return other;
}

void registry_hurry(Registry *r, bool on)
{
    atomic_store(&r->hurry, on);
}

static void shared_free(RegistryShared *s)
{
    vec_foreach(h, &s->hosts)
        host_free(*h);
    vec_done(&s->hosts);
    vec_done(&s->preferred);
    vec_done(&s->told);
    vec_done(&s->pulling);
    (void)pthread_cond_destroy(&s->pulled);
    (void)pthread_mutex_destroy(&s->lock);
    arena_done(&s->arena);
    free(s);
}

void registry_free(Registry *r)
{
    if (!r)
        return;
    if (!r->is_second) {
        shared_free(r->shared);
        vec_done(&r->certs);
        creds_free(r->creds);
        http_client_free(r->http);
        arena_done(&r->arena);
    }
    free(r);
}

bool error_may_pass(const Err *err)
{
    return err->kind == ERR_NET || err->kind == ERR_DIGEST ||
           (err->kind == ERR_HTTP && http_status_is_temporary(err->http_status));
}

bool is_patient(const Registry *r)
{
    return r->patience_ms == 0 && !http_is_hurried(&r->hurry);
}

int registry_retry(const Registry *r, unsigned extra, RegistryOp *op, void *arg, Err *err)
{
    for (unsigned attempt = 0;; attempt++) {
        int done = op(arg, err);

        if (done >= 0 || attempt >= extra || !error_may_pass(err) || !is_patient(r))
            return done;
        log_debug("%s; trying again", err->msg);
        TRY(http_pause(http_backoff_ms(r->pause_ms, attempt), &r->hurry, err));
    }
}

int registry_wrap(const Reference *ref, Err *err)
{
    return err_wrap(err, STR_FMT "/" STR_FMT, STR_ARG(ref->registry), STR_ARG(ref->repository));
}

Str transfer_name(const char *verb, const Endpoint *at, const Digest *d, Arena *a)
{
    Str algorithm, hex;

    if (!str_cut(str_from(d->text), ':', &algorithm, &hex))
        hex = S("");
    return str_fmt_in(a, "%s " STR_FMT "/" STR_FMT " %.12s", verb, STR_ARG(at->registry),
                      STR_ARG(at->repository), hex.p);
}
