/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs down: straight from the connection through the hasher into the store, once per digest however
 * many threads want it, from the place that served the manifest first.
 */
#include <assert.h>
#include <time.h>

#include "base/log.h"
#include "os/signal.h"
#include "registry/internal.h"

bool error_is_of_endpoint(const Err *err)
{
    return err->kind != ERR_CANCELLED && err->kind != ERR_SYS && err->kind != ERR_USAGE;
}

static Str preferred_key(const Reference *ref, Arena *a)
{
    return str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(ref->registry), STR_ARG(ref->repository));
}

/* NULL when nothing was learnt; r->shared->lock is held. */
static Preferred *preferred_find(Registry *r, Str key)
{
    vec_foreach(p, &r->shared->preferred)
        if (str_eq(p->repository, key))
            return p;
    return NULL;
}

void endpoint_prefer(Registry *r, const Reference *ref, size_t endpoint)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str key = preferred_key(ref, &a);
    Preferred *p;

    (void)pthread_mutex_lock(&r->shared->lock);
    p = preferred_find(r, key);
    if (p) {
        p->endpoint = endpoint;
    } else {
        Preferred fresh = {.repository = str_dup_in(&r->shared->arena, key), .endpoint = endpoint};

        vec_push(&r->shared->preferred, fresh);
    }
    (void)pthread_mutex_unlock(&r->shared->lock);
}

static bool tell_anew(Registry *r, Str registry, ErrKind kind)
{
    Told fresh = {.kind = kind};
    bool known = false;

    (void)pthread_mutex_lock(&r->shared->lock);
    vec_foreach(t, &r->shared->told)
        known |= t->kind == kind && str_eq(t->registry, registry);
    if (!known) {
        fresh.registry = str_dup_in(&r->shared->arena, registry);
        vec_push(&r->shared->told, fresh);
    }
    (void)pthread_mutex_unlock(&r->shared->lock);
    return !known;
}

void endpoint_tell(Registry *r, const Endpoint *at, const Endpoint *next, const Err *why)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str text = str_fmt_in(&a, "mirror " STR_FMT ": %s; asking " STR_FMT " instead",
                          STR_ARG(at->registry), why->msg, STR_ARG(next->registry));

    if (r->opts->warn && tell_anew(r, at->registry, why->kind))
        r->opts->warn(text);
    else
        log_debug(STR_FMT, STR_ARG(text));
}

/* The endpoints for pulling; *ret_first is the one that served this repository's manifest. */
static void endpoints_preferred(Registry *r, const Reference *ref, Arena *a, EndpointVec *ret,
                                size_t *ret_first)
{
    const Preferred *p;

    endpoints_find(r, ref, USE_PULL, a, ret);
    (void)pthread_mutex_lock(&r->shared->lock);
    p = preferred_find(r, preferred_key(ref, a));
    *ret_first = p && p->endpoint < ret->n ? p->endpoint : 0;
    (void)pthread_mutex_unlock(&r->shared->lock);
}

/* The sink of one download. */
typedef struct Download {
    HttpSink sink; /* first: http_do() drives it */
    BlobWriter *blob;
    const Descriptor *d;
    const RegistryEvents *ev;
    Str name; /* for people */
    TransferFn progress;
} Download;

static int download_begin(HttpSink *self, int status, uint64_t resume_at, Err *err)
{
    Download *x = (Download *)self;

    (void)status;
    if (resume_at == 0) {
        TRY(blob_writer_restart(x->blob, err));
        if (x->ev && x->ev->begin)
            x->ev->begin(x->ev->ctx, &x->d->digest, blob_writer_fd(x->blob));
        return 0;
    }
    if (resume_at != blob_writer_size(x->blob))
        return err_set(err, ERR_NET, "the transfer goes on at another place");
    return 0;
}

static int download_write(Writer *self, const void *p, size_t n, Err *err)
{
    Download *x = (Download *)self;
    uint64_t have = blob_writer_size(x->blob);

    if (n > x->d->size || have > x->d->size - n)
        return err_set(err, ERR_DIGEST, "the registry sent more than the %ju bytes of the manifest",
                       (uintmax_t)x->d->size);
    TRY(writer_write(blob_writer(x->blob), p, n, err));
    if (x->ev && x->ev->bytes)
        x->ev->bytes(x->ev->ctx, &x->d->digest, have + n, x->d->size);
    if (x->progress)
        x->progress(x->name, have + n, x->d->size);
    return 0;
}

typedef struct Pull {
    Registry *r;
    const Reference *ref;
    const Descriptor *d;
    Store *store;
    const RegistryEvents *ev;
} Pull;

static int pull_from(const Pull *p, const Endpoint *at, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_with(blob_writer_free_at) BlobWriter *blob = NULL;
    Str what = str_fmt_in(&a, "blob %s", p->d->digest.text);
    Download x = {.sink = {.w = {download_write}, .begin = download_begin},
                  .d = p->d,
                  .ev = p->ev,
                  .name = transfer_name("pulling", at, &p->d->digest, &a),
                  .progress = p->r->opts->progress};
    Call call = {.at = at,
                 .path = str_fmt_in(&a, "blobs/%s", p->d->digest.text),
                 .actions = "pull",
                 .http = {.method = "GET", .sink = &x.sink, .resume = true}};

    TRY(blob_writer_new(p->store, &blob, err));
    x.blob = blob;
    if (session_call(p->r, &call, &answer, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    if (answer.status < 200 || answer.status >= 300)
        return registry_fail(p->r, at, &answer, what.p, err);
    if (blob_writer_commit(blob, &p->d->digest, p->d->size, NULL, NULL, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(what));
    return 0;
}

/* The preferred endpoint, then the others in order. */
static int pull_once(void *arg, Err *err)
{
    const Pull *p = arg;
    cleanup_arena Arena a = ARENA_INIT;
    EndpointVec all = {0};
    size_t first;
    int r = -1;

    endpoints_preferred(p->r, p->ref, &a, &all, &first);
    for (size_t i = 0; i < all.n && r < 0; i++) {
        size_t at = i == 0 ? first : (i <= first ? i - 1 : i);

        r = pull_from(p, &all.v[at], err);
        if (r < 0 && !error_is_of_endpoint(err))
            break;
        if (r < 0 && i + 1 < all.n)
            endpoint_tell(p->r, &all.v[at], &all.v[i + 1 <= first ? i : i + 1], err);
    }
    vec_done(&all);
    return r;
}

static Pulling *pulling_find(Registry *r, const Digest *d, const Store *s)
{
    vec_foreach(p, &r->shared->pulling)
        if (p->store == s && digest_eq(&p->digest, d))
            return p;
    return NULL;
}

/* Wait until nobody downloads this digest; then it is ours. A signal ends the wait. */
static int pulling_enter(Registry *r, const Digest *d, Store *s, Err *err)
{
    Pulling mine = {.digest = *d, .store = s};
    int result = 0;

    (void)pthread_mutex_lock(&r->shared->lock);
    while (pulling_find(r, d, s) && result == 0) {
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        t.tv_sec++;
        (void)pthread_cond_timedwait(&r->shared->pulled, &r->shared->lock, &t);
        result = signal_check(err);
    }
    if (result == 0)
        vec_push(&r->shared->pulling, mine);
    (void)pthread_mutex_unlock(&r->shared->lock);
    return result;
}

static void pulling_leave(Registry *r, const Digest *d, Store *s)
{
    Pulling *p;

    (void)pthread_mutex_lock(&r->shared->lock);
    p = pulling_find(r, d, s);
    assert(p);
    *p = r->shared->pulling.v[--r->shared->pulling.n];
    (void)pthread_cond_broadcast(&r->shared->pulled);
    (void)pthread_mutex_unlock(&r->shared->lock);
}

int registry_pull_blob(Registry *r, const Reference *ref, const Descriptor *d, Store *s,
                       const RegistryEvents *ev, Err *err)
{
    Pull p = {.r = r, .ref = ref, .d = d, .store = s, .ev = ev};
    int result = 0;

    TRY(pulling_enter(r, &d->digest, s, err));
    if (!store_has(s, &d->digest, NULL))
        result = registry_retry(r, r->opts->pull_retries, pull_once, &p, err);
    pulling_leave(r, &d->digest, s);
    return result < 0 ? registry_wrap(ref, err) : 0;
}
