/* SPDX-License-Identifier: Apache-2.0 */
#include "build/warm.h"

#include <fcntl.h>

#include "build/plan.h"
#include "os/file.h"
#include "os/signal.h"

enum {
    IMAGES_AT_ONCE = 4,
    BLOBS_AT_ONCE = 6 /* of all images together */
};

typedef struct Job {
    const WarmRequest *req;
    Registry *registry;
    Pool *blobs;
    WarmReport report;
    Task *task;
} Job;

static int warm_one(void *arg, Err *err)
{
    Job *j = arg;
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor desc;
    Reference ref;

    TRY(signal_check(err));
    TRY(reference_parse(&a, j->report.name, &ref, err));
    TRY(bases_warm(j->req->bases, j->registry, &ref, &j->report.platform, j->blobs, &desc,
                   &j->report.outcome, err));
    j->report.digest = desc.digest;
    return 0;
}

static int find_names(const WarmRequest *req, Builder *b, ImageNameVec *ret, Err *err)
{
    vec_foreach(text, req->images) {
        ImageName name = {*text, b->target_platform};

        vec_push(ret, name);
    }
    if (req->dockerfile)
        TRY(plan_images(b, req->dockerfile, ret, err));
    if (ret->n == 0)
        return err_set(err, ERR_USAGE, "%s",
                       req->dockerfile ? "the Dockerfile names no image"
                                       : "no image is named (--image or --dockerfile)");
    return 0;
}

static int warm_all(const WarmRequest *req, const ImageNameVec *names, Registry *r, Err *err)
{
    cleanup_free Job *jobs = NEW_N(Job, names->n);
    Pool *images = pool_new(IMAGES_AT_ONCE), *blobs = pool_new(BLOBS_AT_ONCE);
    int failed = 0;

    for (size_t i = 0; i < names->n; i++) {
        jobs[i] = (Job){.req = req, .registry = r, .blobs = blobs};
        jobs[i].report.name = names->v[i].text;
        jobs[i].report.platform = names->v[i].platform;
        jobs[i].task = pool_submit(images, warm_one, &jobs[i]);
    }
    for (size_t i = 0; i < names->n; i++) {
        jobs[i].report.failed = task_join(jobs[i].task, &jobs[i].report.why) < 0;
        failed += jobs[i].report.failed;
        req->done(req->ctx, &jobs[i].report);
    }
    pool_free(images);
    pool_free(blobs);
    return signal_check(err) < 0 ? -1 : failed;
}

static int warm_with(const WarmRequest *req, Builder *b, size_t *ret_n, Err *err)
{
    cleanup_with(registry_free_at) Registry *r = NULL;
    ImageNameVec names = {0};
    int rc = find_names(req, b, &names, err);

    if (rc == 0)
        rc = dir_make_all(AT_FDCWD, req->bases->dir, 0755, err);
    if (rc == 0)
        rc = registry_new(req->registry, &r, err);
    if (rc == 0)
        rc = warm_all(req, &names, r, err);
    *ret_n = names.n;
    vec_done(&names);
    return rc;
}

int warm_run(const WarmRequest *req, size_t *ret_n, Err *err)
{
    BuildRequest build = {.build_args = *req->build_args, .target = S("")};
    Builder b = {.req = &build, .build_platform = platform_host()};
    int rc;

    b.target_platform = req->platform ? *req->platform : b.build_platform;
    rc = warm_with(req, &b, ret_n, err);
    arena_done(&b.arena);
    return rc;
}
