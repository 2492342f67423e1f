/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/builder.h - inside build/ only: what the parts of one build share.
 */
#pragma once

#include <stdatomic.h>

#include "build/build.h"
#include "context/remote.h"
#include "os/pool.h"

typedef struct BaseImage BaseImage;
typedef struct Damage Damage;
typedef struct Download Download;
typedef struct PushJob PushJob;

/* A --build-context that has been opened: see build/named.h. */
typedef struct NamedContext {
    const KeyValue *named;
    Context *context; /* owned */
} NamedContext;

typedef struct Builder {
    const BuildRequest *req;
    Arena arena;  /* lives as long as the build */
    int dir_lock; /* says that the kiln directory is in use */
    Store *store;
    Registry *registry;         /* opened by builder_registry() */
    Sandbox *sandbox;           /* opened by builder_sandbox(), when the first RUN is near */
    Pool *cpu;                  /* compression, scanning, inflating */
    Pool *net;                  /* transfers; tasks only wait for sockets and files */
    VEC(BaseImage *) images;    /* resolved so far */
    VEC(NamedContext) contexts; /* named.c's */
    VEC(Download *) downloads;  /* download.c's */
    VEC(PushJob *) pushes;      /* push.c's */
    unsigned disks;             /* made so far: in place, each puts the one before aside */
    RemoteSpool remote_files;   /* of ADD; add_remote.c's */
    struct MountSources *mount_sources; /* mount_source.c's; NULL = none yet */
    bool push_checked;
    Pool *up; /* of push.c: uploads must not stand before downloads; NULL = no push yet */
    struct BuildCache *cache; /* cached.c's; NULL = none is used */
    atomic_bool cache_failed; /* a layer that a cache promised cannot be had */
    Damage *damage;           /* damage.c's; borrowed, or NULL */
    int64_t now_ns;
    Platform target_platform, build_platform;
} Builder;

int builder_registry(Builder *b, Registry **ret, Err *err) must_check;
int builder_sandbox(Builder *b, Sandbox **ret, Err *err) must_check;

void builder_note(const Builder *b, const char *fmt, ...) printf_like(2, 3);
void builder_warn(const Builder *b, const char *fmt, ...) printf_like(2, 3);

/* The time written into config and history for something made now. */
int64_t builder_time_ns(const Builder *b);
