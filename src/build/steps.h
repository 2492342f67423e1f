/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/steps.h - what each instruction does to a stage: one const row per instruction, one file
 * per group of them.
 *
 * A step edits the stage's config, its variables, its tree, or all of them, and appends its history
 * entry. Steps that write a layer do so through stage_commit().
 */
#pragma once

#include "build/plan.h"
#include "build/rootfs.h"
#include "cache/key.h"

/* A stage being built. */
typedef struct StageBuild {
    Plan *plan;
    Builder *b;
    Stage *stage;
    Arena arena; /* lives as long as the stage: others read its config */
    ImageConfig config;
    Rootfs *fs;
    Scope scope;
    StrVec hidden; /* mounts of the container that hide files of the image: the user was told */
    bool cmd_set;  /* a CMD stood in this very stage: ENTRYPOINT then keeps it */
    /* the newest time of what went in so far: the base's creation, files copied, commands run */
    int64_t content_ns;
    CacheKey chain, state; /* see build/cached.h; unset = not known */
    bool rebuilt;          /* some step before did not come from the cache by its own key */
    size_t bytes;          /* of plan->bytes */
} StageBuild;

typedef struct StepOps {
    bool touches_files; /* reads or changes the root file system */
    /*
     * Features that are parsed but not built yet: ERR_UNSUPPORTED before anything is pulled or run.
     * NULL = none.
     */
    int (*check)(const Dockerfile *d, const Instr *i, Err *err);
    int (*run)(StageBuild *s, const Step *step, StepReport *report, Err *err);
} StepOps;

const StepOps *step_ops(InstrKind kind);
bool step_touches_files(const Instr *i);
int step_check(const Dockerfile *d, const Instr *i, Err *err) must_check;

/* The rows. */
extern const StepOps step_arg, step_env, step_label;
extern const StepOps step_cmd, step_entrypoint, step_shell, step_healthcheck;
extern const StepOps step_expose, step_volume, step_user, step_stopsignal, step_maintainer,
    step_onbuild;
extern const StepOps step_workdir, step_copy, step_add, step_run;

/* --- for the steps --- */

/* The root file system of a stage that has been built and is still going to be read. */
Rootfs *stage_rootfs(const Stage *s);

/* Expand one word of the step in the stage's scope. */
int stage_expand(StageBuild *s, Str word, Str *ret, Err *err) must_check;

/*
 * Append the words of a command: the exec form as it is, the shell form, whose text is
 * 'shell_text', behind the stage's SHELL. The strings are borrowed from both.
 */
void stage_command_line(const StageBuild *s, const Instr *i, Str shell_text, StrVec *ret);

/* The directory that a WORKDIR is about to make current. */
int step_next_workdir(StageBuild *s, const Step *step, Str *ret, Err *err) must_check;

/* Append a history entry; 'created_by' is copied. */
void stage_history(StageBuild *s, Str created_by, bool empty_layer);

/* Write the dirty tree as a layer with its history entry. 'files' as in rootfs_commit(). */
int stage_commit(StageBuild *s, FileSource *files, Str created_by, StepReport *report, Err *err)
    must_check;

/* mkdir -p at a canonical path; new directories get these. mode: permission bits. */
typedef struct NewDir {
    uint32_t mode, uid, gid;
    int64_t mtime_ns;
} NewDir;
int stage_make_dirs(StageBuild *s, Str canonical, const NewDir *as, Node **ret, Err *err)
    must_check;

/*
 * The same on the materialised disk too: for a working directory that a command is about to need.
 */
int stage_make_dirs_on_disk(StageBuild *s, Str canonical, const NewDir *as, Err *err) must_check;

/* The time of directories that nothing on disk gave a time to. */
int64_t stage_dir_time(const StageBuild *s);

/* Copy what a new stage begins with from its base, which has been built (or followed). */
void stage_begin_config(StageBuild *s);
/*
 * After each step, and when the stage has begun: ERR_LIMIT when this stage and all others that are
 * still in use hold more than LIMIT_STAGES_MEMORY. Each has its base's configuration once more, so
 * a short Dockerfile can have a great deal of it.
 */
int stage_check_memory(StageBuild *s, Err *err) must_check;
/* Free what stage->built is. */
void stage_free(Stage *stage);
/* Does the stage become part of the image? */
bool stage_is_in_image(const StageBuild *s);
/* Can transfers go on while it is built? Not while the container's own "/" is away. */
bool stage_has_network(const StageBuild *s);

/* The stage's working directory, absolute ("/" when none was set). */
Str stage_workdir(const StageBuild *s);
