/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/step_key.h - what one step can see, as a key (docs/cache-keys.md).
 *
 * A step's own key is of what it says and of the files of contexts that it sees; what stands
 * below it and what it takes from other stages is put to it by build/cached.h.
 */
#pragma once

#include "build/steps.h"
#include "cache/contents.h"
#include "context/remote.h"

/* A stage or an image that a mount shows. */
typedef struct KeySource {
    Stage *stage;
    BaseImage *image;
} KeySource;

/* Files of a context, hashed: that of the build, or a named one. */
typedef struct KeyContext {
    Context *context;
    NodeVec files;
} KeyContext;

/* What ADD of a URL or a repository brought. */
typedef struct KeyRemote {
    Str source;       /* expanded */
    Context *context; /* of a repository NULL: */
    Str commit;       /* is all that was asked for */
    bool is_known;    /* it is kept in the caches already what its file can be known by: */
    RemoteStamp known;
} KeyRemote;

typedef struct StepCache {
    bool enabled;        /* may be looked up and stored */
    const char *why_not; /* what it sees cannot be known before it runs; NULL = it can */
    CacheKey own;
    CacheKey before;        /* of the step before */
    KeyInputVec inputs;     /* of the own key */
    VEC(KeyContext) shown;  /* of contexts: copied, or mounted */
    VEC(KeyRemote) remotes; /* owned: the copy takes them from here */
    VEC(KeySource) mounts;  /* RUN --mount=from= */
    /* COPY --from: one of them is set */
    Stage *from_stage;
    BaseImage *from_image;
    Context *from_context; /* its files are in the own key, as those of the build's context */
    CacheKey contents;     /* of what it takes from the stage, once that was asked for */
    CacheKey key;          /* of the step on what is below it; unset = not known */
    struct CacheHit *hit;  /* by that key */
} StepCache;

/* Will it make a layer? */
int step_makes_layer(StageBuild *s, const Step *step, bool *ret, Err *err) must_check;

/* For steps that do. 'ret' is empty; its vectors are the caller's (step_cache_done). */
int step_key(StageBuild *s, const Step *step, Contents *c, StepCache *ret, Err *err) must_check;
void step_cache_done(StepCache *c); /* NULL allowed */
/* The files that were put into the key are of this context. */
void step_cache_shown(StepCache *c, Context *context, const NodeVec *files);

/* COPY --from: a key of the files that it takes from there, and of nothing else. */
int step_contents_key(StageBuild *s, const Step *step, Rootfs *from, CacheKey *ret, Err *err)
    must_check;
