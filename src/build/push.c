/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task a blob. It goes through the repositories one after another, so that the second of one
 * registry can mount what the first has got; blobs go side by side. A layer that is not here (of a
 * base that no step looked into) is downloaded only when neither the repository nor its neighbour
 * has it.
 */
#include "build/push.h"

#include <pthread.h>

#include "base/limits.h"

enum {
    UPLOADS = 4 /* at a time */
};

struct PushJob {
    Builder *b;
    ImageLayer layer; /* of the config only the descriptor */
    Task *task;       /* NULL: joined */
    uint64_t done[3]; /* by PushOutcome */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int outcome; /* 0: under way; 1: it is there; -1: it failed */
};

static bool same_repository(const Reference *a, const Reference *b)
{
    return str_eq(a->registry, b->registry) && str_eq(a->repository, b->repository);
}

static bool is_first_of_repository(const BuildRequest *req, size_t tag)
{
    for (size_t n = 0; n < tag; n++)
        if (same_repository(&req->tags.v[n], &req->tags.v[tag]))
            return false;
    return true;
}

/*
 * A repository of the tag's registry that has the blob: the base's, or one it has been pushed to
 * already. "" = none.
 */
static Str mount_source(const PushJob *j, size_t tag)
{
    const BaseImage *origin = j->layer.origin;
    const Reference *to = &j->b->req->tags.v[tag];

    if (origin && origin->in_registry && str_eq(origin->ref.registry, to->registry))
        return origin->ref.repository;
    for (size_t n = 0; n < tag; n++)
        if (str_eq(j->b->req->tags.v[n].registry, to->registry))
            return j->b->req->tags.v[n].repository;
    return S("");
}

/* 1: it is there now, without having been here. */
static int push_absent(PushJob *j, const Reference *to, Str from, PushOutcome *ret, Err *err)
{
    int there;

    if (store_has(j->b->store, &j->layer.desc.digest, NULL))
        return 0;
    TRY(there = registry_mount_blob(j->b->registry, to, &j->layer.desc, from, err));
    *ret = from.n ? PUSH_MOUNTED : PUSH_EXISTED;
    return there ? 1 : layer_fetch(j->b, &j->layer, err);
}

static int push_to(PushJob *j, size_t tag, Err *err)
{
    const Reference *to = &j->b->req->tags.v[tag];
    Str from = mount_source(j, tag);
    PushOutcome outcome = PUSH_EXISTED;
    int there = push_absent(j, to, from, &outcome, err);

    if (there == 0)
        there = registry_push_blob(j->b->registry, to, &j->layer.desc, from, j->b->store, NULL,
                                   &outcome, err);
    if (there < 0) {
        cleanup_arena Arena a = ARENA_INIT;

        return err_wrap(err, "push " STR_FMT, STR_ARG(reference_familiar(&a, to)));
    }
    j->done[outcome]++;
    return 0;
}

static int push_everywhere(PushJob *j, Err *err)
{
    const BuildRequest *req = j->b->req;
    bool foreign = media_kind(j->layer.desc.media_type) == MEDIA_KIND_FOREIGN_LAYER;

    for (size_t tag = 0; tag < req->tags.n; tag++) {
        if (!is_first_of_repository(req, tag))
            continue;
        if (foreign) /* it is where its URLs say, by agreement */
            j->done[PUSH_EXISTED]++;
        else
            TRY(push_to(j, tag, err));
    }
    return 0;
}

static int push_blob(void *arg, Err *err)
{
    PushJob *j = arg;
    int rc = push_everywhere(j, err);

    (void)pthread_mutex_lock(&j->lock);
    j->outcome = rc < 0 ? -1 : 1;
    (void)pthread_cond_broadcast(&j->ended);
    (void)pthread_mutex_unlock(&j->lock);
    return rc;
}

bool push_await(PushJob *j)
{
    bool there;

    (void)pthread_mutex_lock(&j->lock);
    while (j->outcome == 0)
        (void)pthread_cond_wait(&j->ended, &j->lock);
    there = j->outcome > 0;
    (void)pthread_mutex_unlock(&j->lock);
    return there;
}

PushJob *push_find(const Builder *b, const Digest *d)
{
    vec_foreach(j, &b->pushes)
        if (digest_eq(&(*j)->layer.desc.digest, d))
            return *j;
    return NULL;
}

static void begin(Builder *b, const ImageLayer *l)
{
    PushJob *j;

    if (push_find(b, &l->desc.digest))
        return;
    j = arena_new(&b->arena, PushJob);
    *j = (PushJob){.b = b, .layer = *l};
    (void)pthread_mutex_init(&j->lock, NULL);
    (void)pthread_cond_init(&j->ended, NULL);
    j->task = pool_submit(b->up, push_blob, j);
    vec_push(&b->pushes, j);
}

int push_begin(Builder *b, const ImageLayerVec *layers, Err *err)
{
    Registry *ignored;

    if (!b->req->push)
        return 0;
    TRY(builder_registry(b, &ignored, err)); /* here, because the tasks share it */
    if (!b->up)
        b->up = pool_new(UPLOADS);
    vec_foreach(l, layers)
        begin(b, l);
    return 0;
}

int push_finish(Builder *b, const ImageLayerVec *layers, const Descriptor *config, BuildResult *ret,
                Err *err)
{
    ImageLayer document = {.desc = *config};
    int rc = 0;

    TRY(push_begin(b, layers, err));
    begin(b, &document);
    vec_foreach(j, &b->pushes) {
        Err mine;

        if (task_join(steal_ptr(&(*j)->task), &mine) < 0 && rc == 0) {
            *err = mine;
            rc = -1;
        }
        ret->existing_blobs += (*j)->done[PUSH_EXISTED];
        ret->mounted_blobs += (*j)->done[PUSH_MOUNTED];
        ret->uploaded_blobs += (*j)->done[PUSH_UPLOADED];
    }
    return rc;
}

void push_done(Builder *b)
{
    Err ignored;

    vec_foreach(j, &b->pushes)
        if ((*j)->task)
            (void)!task_join(steal_ptr(&(*j)->task), &ignored);
    vec_foreach(j, &b->pushes) {
        (void)pthread_cond_destroy(&(*j)->ended);
        (void)pthread_mutex_destroy(&(*j)->lock);
    }
    vec_done(&b->pushes);
    pool_free(b->up);
}
