/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/cached_internal.h - what the files of build/cached*.c share.
 */
#pragma once

#include "build/cached.h"
#include "build/push.h"
#include "cache/mounts.h"

typedef struct CacheSource {
    CacheRepo *repo;      /* owned */
    BaseImage origin;     /* how its layers are had: in its registry, or in its layout */
    atomic_bool broken;   /* reading or writing failed: not tried again in this build */
    bool told;            /* the user knows */
    atomic_bool lost;     /* it could not be reached while "/" was away */
    pthread_mutex_t lock; /* of 'err' */
    Err err;              /* why it is broken */
    struct {
        unsigned layers, lost_layers, lost_mounts;
    } write; /* what it was to get, and what of it it did not; the building thread's */
} CacheSource;

typedef struct CacheHit {
    CacheEntry entry;
    CacheSource *from;
} CacheHit;

typedef struct CacheJob CacheJob;
typedef struct CacheListing CacheListing; /* cached_listing.c's */

/* cached_mounts.c: a directory that this build has used. */
typedef struct UsedMount {
    Str id, key;
    const char *dir;
    bool may_chown;
    bool damaged; /* what a cache has of it could not be used: it is not built upon */
} UsedMount;

/* A directory that this build has brought back, and from where. */
typedef struct RestoredMount {
    CacheKey key;
    const CacheRepo *from;
    MountMark mark;
} RestoredMount;

struct BuildCache {
    VEC(CacheSource *) from, to;
    Contents *contents;
    Digests *digests; /* of files that were hashed */
    Pool *pool;       /* look-ups */
    Pool *up;         /* writes */
    /* What talks to registries; writes are hurried in the end. Owned, or NULL. */
    Registry *reads, *writes;
    VEC(CacheJob *) jobs, waiting;
    VEC(CacheListing *) listings; /* in the builder's arena */
    bool listings_off;            /* one of them was damaged */
    Listed *listed;               /* being made: */
    Compressor *listing;          /* into the store */
    VEC(UsedMount) mounts;
    VEC(RestoredMount) restored;
    StrVec damaged; /* keys of mounts that could not be restored */
    bool unsafe;    /* the context changes meanwhile: nothing more is stored */
};
typedef struct BuildCache BuildCache;

/* Look a key up in all sources, in their order; *ret NULL when it is in none. On any thread. */
void cached_find(Builder *b, const CacheKey *key, const Platform *platform, Arena *a,
                 CacheHit **ret);
/* It could not be read, or written to: that is not tried again. On any thread. */
void cached_source_failed(CacheSource *s, const Err *err);
/* True: the repository itself is in the way, not what it was to take. */
bool cached_is_of_repository(const Err *err);
/*
 * The container's own "/" is away: hosts and resolv.conf are a stranger's. A registry is asked all
 * the same, at the address that it had before.
 */
bool cached_is_away(const Builder *b);
/* What a look-up came upon: while "/" is away, it says nothing about the time after. */
void cached_find_failed(const Builder *b, CacheSource *s, const Err *err);
/* Say once which sources could not be read. */
void cached_tell(Builder *b);

/* Of a stage that stands on an image, or on nothing. */
CacheKey cached_base_key(const Builder *b, const Stage *stage, Arena *a, KeyInputVec *inputs);
CacheKey cached_step_key(StageBuild *s, const StepCache *c);
/*
 * What was found in one cache goes into the others that are written to: each shall have all of the
 * build, not only what the rest did not have.
 */
int cached_share(StageBuild *s, const StepCache *c, const CacheHit *h, Err *err) must_check;

/*
 * cached_document.c: something else than a layer, under a key: into all caches that are written to,
 * and out of the first that has it. NULL = none has, or what it has is none. Owned by caller.
 */
int cached_put_document(const Builder *b, const CacheKey *key, const Json *doc, Err *err)
    must_check;
Json *cached_find_document(const Builder *b, const CacheKey *key);

/* cached_record.c: of the last build, or NULL; owned by caller. */
Json *cached_read_record(const Plan *p);
/*
 * What is different for step n of a stage, which was not found while what it stands on was; false
 * when nothing like it is recorded.
 */
bool cached_compare(const Plan *p, const Json *record, const Stage *s, size_t n, Buf *out);

/* cached_explain.c: its name, or "stage-N"; ret is returned, or longer names are. */
enum {
    STAGE_LABEL = 32
};
const char *cached_stage_label(const Stage *s, char ret[STAGE_LABEL]);

/* cached_write.c */
typedef struct CacheNew {
    CacheEntry entry;
    const ImageLayer *layer;
    const CacheSource *only; /* NULL = to all */
    const CacheSource *from; /* it was found there: the others get it as well, when all is built */
} CacheNew;
int cached_write(StageBuild *s, const CacheNew *n, Err *err) must_check;
/* 1: it has that entry, and may use it. On any thread. */
int cached_is_there(const Builder *b, const CacheSource *to, const CacheKey *key,
                    const Platform *platform, Err *err) must_check;

/* cached_listing.c: the layer of a step has become an entry */
void cached_list_kept(Builder *b, const ImageLayer *l);
void cached_listings_write(Builder *b); /* begin */
void cached_listings_join(Builder *b);
