/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/build.h - a whole build: what is asked for, what is reported, what comes out.
 *
 * Ownership  the request and everything it points to is borrowed for the time of build_run().
 * Errors     any kind; ERR_RUN carries the command's exit status in err->exit_code. Messages name
 *            the Dockerfile line where there is one. On any error nothing was pushed under a tag
 *            and no output was written.
 */
#pragma once

#include "build/agent_proxy.h"
#include "cache/bases.h"
#include "cache/repo.h"
#include "context/context.h"
#include "dockerfile/lint.h"
#include "oci/config.h"
#include "registry/registry.h"
#include "sandbox/sandbox.h"

typedef enum OutputType {
    OUTPUT_OCI_LAYOUT, /* a directory */
    OUTPUT_OCI_ARCHIVE,
    OUTPUT_DOCKER_ARCHIVE,
} OutputType;

typedef struct Output {
    OutputType type;
    Str dest;
    bool fresh; /* a layout's index lists this image only */
} Output;

typedef struct StepReport {
    unsigned stage, step, steps; /* 1-based; steps of this stage */
    Str stage_name;              /* "" when it has none */
    Str text;                    /* the instruction */
    int64_t took_ns;
    bool has_layer;
    uint64_t layer_bytes; /* compressed */
    uint64_t files, deletions;
    bool cached; /* taken from a cache */
} StepReport;

/*
 * What a build says while it goes on; any member may be NULL. Called from the building thread only.
 */
typedef struct BuildEvents {
    void (*step_begin)(void *ctx, const StepReport *r);
    void (*step_end)(void *ctx, const StepReport *r);
    void (*note)(void *ctx, Str text); /* "pull debian:12 ..." */
    void (*warn)(void *ctx, Str text);
    void (*plan)(void *ctx, Str line);                /* explain_cache, dryrun */
    void (*finding)(void *ctx, const LintFinding *f); /* the linter's, before anything is run */
    void (*running)(void *ctx, bool now); /* a RUN command has out_fd and err_fd, or no more */
    void *ctx;
} BuildEvents;

/* Lives in the memory of the builder only: no log, no layer, no history has the value. */
typedef struct Secret {
    Str id, value;
} Secret;

typedef struct BuildRequest {
    Dockerfile *dockerfile;
    Context *context;
    const ContextOpts *inputs;  /* how further ones are opened: named contexts, what ADD fetches */
    KeyValueVec build_contexts; /* see build/named.h */
    KeyValueVec build_args;
    KeyValueVec labels;       /* put over everything else, on the target only */
    KeyValueVec annotations;  /* of the manifest */
    VEC(Secret) secrets;      /* for RUN --mount=type=secret; ids are unique */
    VEC(SshAgent) ssh_agents; /* for RUN --mount=type=ssh */
    Str target;               /* "" = the last stage */
    StrVec also;              /* stages that are built, too; nothing is made of them */
    bool has_platform;
    Platform platform;
    VEC(Reference) tags;
    bool push;
    bool forget;           /* neither: only the digest is wanted, the image is not kept */
    bool ignore_immutable; /* a tag that may not be moved is no failure */
    bool check_push;       /* ask the registry for permission before anything is built */
    VEC(Output) outputs;
    LayerCodec codec;
    bool has_epoch; /* SOURCE_DATE_EPOCH */
    int64_t epoch_ns;

    /* layers are looked for in these, in their order, and written to those */
    VEC(CacheSpec) cache_from, cache_to;
    int64_t cache_ttl_ns; /* entries older than that are not used; 0 = none is */
    bool has_keep_bytes;  /* make room in the kiln directory afterwards: cache/prune.h */
    uint64_t keep_bytes;
    bool cache_copy, cache_run;  /* COPY and ADD; RUN and WORKDIR */
    bool cache_mounts;           /* directories of RUN --mount=type=cache are kept there, too */
    uint64_t cache_mounts_limit; /* bytes of each; larger ones are not kept */
    bool explain_cache;          /* say of every step why it is or is not in the cache */
    bool dryrun;                 /* only say what would be done */

    const char *kiln_dir;
    const char *isolation; /* "auto", "namespaces", "inplace" */
    bool force;            /* see SandboxOpts */
    StrVec ignored_paths;  /* patterns: build/ignored.h */
    Launcher *launcher;
    const RegistryOpts *registry;
    const BasesOpts *bases;    /* where base images may be found; NULL: in their registries only */
    const BuildEvents *events; /* NULL = silent */
    int out_fd, err_fd;        /* of RUN commands */
} BuildRequest;

typedef struct LayerReport {
    Descriptor desc;
    bool from_base;
} LayerReport;

typedef struct BuildResult {
    Arena arena; /* owns what the rest points to */
    Descriptor manifest;
    Digest config;
    VEC(LayerReport) layers;
    uint64_t total_bytes; /* compressed, all layers */
    int64_t took_ns;
    uint64_t uploaded_blobs, mounted_blobs, existing_blobs;
} BuildResult;

int build_run(const BuildRequest *req, BuildResult *ret, Err *err) must_check;
/*
 * What the linter finds, with all that the base images tell; nothing is built. The report borrows
 * from the Dockerfile.
 */
int build_check(const BuildRequest *req, LintReport *ret, Err *err) must_check;

void build_result_done(BuildResult *r);
#define cleanup_build_result cleanup_with(build_result_done)
