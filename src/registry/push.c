/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs up: there already, mounted from a neighbour, or sent; and whether we may at all. */
#include "registry/internal.h"

/* What every call of this file begins with. */
typedef struct Push {
    Registry *r;
    const Reference *ref;
    const Descriptor *d;
    Str mount_from;
    Store *store;
    const RegistryEvents *ev;
    Arena arena;
    EndpointVec endpoints; /* one: pushes do not go to mirrors */
    PushOutcome outcome;
    bool present; /* registry_mount_blob's answer */
} Push;

static void push_init(Push *p)
{
    endpoints_find(p->r, p->ref, USE_PUSH, &p->arena, &p->endpoints);
}

static void push_done(Push *p)
{
    vec_done(&p->endpoints);
    arena_done(&p->arena);
}

/* Mounting a repository from itself is no use: the HEAD before has told that it is not there. */
static Str mount_source(const Push *p)
{
    return str_eq(p->mount_from, p->ref->repository) ? S("") : p->mount_from;
}

static int upload_from_store(Push *p, const UploadSession *session, Err *err)
{
    cleanup_close int fd = -1;
    uint64_t size;

    TRY(store_open_blob(p->store, &p->d->digest, &fd, &size, err));
    if (size != p->d->size)
        return err_set(err, ERR_DIGEST, "the store has %ju bytes, the manifest says %ju",
                       (uintmax_t)size, (uintmax_t)p->d->size);
    return upload_run(p->r, p->endpoints.v, p->d, session, fd, p->ev, err);
}

static int push_blob_once(void *arg, Err *err)
{
    Push *p = arg;
    const Endpoint *at = p->endpoints.v;
    UploadSession session;
    int there;

    TRY(there = blob_exists(p->r, at, p->d, err));
    p->outcome = PUSH_EXISTED;
    if (there)
        return 0;
    TRY(there = upload_start(p->r, at, p->d, mount_source(p), &p->arena, &session, err));
    p->outcome = PUSH_MOUNTED;
    if (there)
        return 0;
    p->outcome = PUSH_UPLOADED;
    return upload_from_store(p, &session, err);
}

/* NOLINTNEXTLINE(readability-function-size): as many as the contract has */
int registry_push_blob(Registry *r, const Reference *ref, const Descriptor *d, Str mount_from,
                       Store *s, const RegistryEvents *ev, PushOutcome *ret, Err *err)
{
    cleanup_with(push_done)
        Push p = {.r = r, .ref = ref, .d = d, .mount_from = mount_from, .store = s, .ev = ev};

    push_init(&p);
    if (registry_retry(r, r->opts->push_retries, push_blob_once, &p, err) < 0) {
        (void)err_wrap(err, "push blob %s", d->digest.text);
        return registry_wrap(ref, err);
    }
    if (ret)
        *ret = p.outcome;
    return 0;
}

static int mount_once(void *arg, Err *err)
{
    Push *p = arg;
    const Endpoint *at = p->endpoints.v;
    Str from = mount_source(p);
    UploadSession session;
    int there;

    TRY(there = blob_exists(p->r, at, p->d, err));
    p->present = there;
    if (there || from.n == 0)
        return 0;
    TRY(there = upload_start(p->r, at, p->d, from, &p->arena, &session, err));
    p->present = there;
    if (!there)
        upload_cancel(p->r, at, session.location);
    return 0;
}

int registry_mount_blob(Registry *r, const Reference *ref, const Descriptor *d, Str mount_from,
                        Err *err)
{
    cleanup_with(push_done) Push p = {.r = r, .ref = ref, .d = d, .mount_from = mount_from};

    push_init(&p);
    if (registry_retry(r, r->opts->push_retries, mount_once, &p, err) < 0) {
        (void)err_wrap(err, "mount blob %s", d->digest.text);
        return registry_wrap(ref, err);
    }
    return p.present;
}

int registry_check_push(Registry *r, const Reference *ref, Err *err)
{
    cleanup_with(push_done) Push p = {.r = r, .ref = ref};
    Descriptor none = {0};
    UploadSession session;

    push_init(&p);
    if (upload_start(r, p.endpoints.v, &none, S(""), &p.arena, &session, err) < 0) {
        if (err->kind == ERR_AUTH)
            (void)err_wrap(err, "may not push there (log in, or mount a config.json with "
                                "credentials that may)");
        return registry_wrap(ref, err);
    }
    upload_cancel(r, p.endpoints.v, session.location);
    return 0;
}
