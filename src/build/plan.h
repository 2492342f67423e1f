/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/plan.h - from a parsed Dockerfile to the stages that have to be built, in order.
 *
 * Stages that the target does not reach over FROM, COPY --from, RUN --mount=from= and the ONBUILD
 * triggers of bases are left out; only the images that the others need are resolved. All mistakes
 * that can be seen without running anything are found here: unknown targets, stages used before
 * they are defined, images that are not there, instructions and flags that are not supported yet.
 */
#pragma once

#include "build/image.h"
#include "dockerfile/lint.h"
#include "dockerfile/mount.h"
#include "dockerfile/scope.h"

typedef struct Step {
    const Dockerfile *d; /* where it stands: the file, or the triggers of a base image */
    const Instr *i;
    Str text;                /* for people and records: without passwords of what ADD fetches */
    struct StepCache *cache; /* build/cached.c's; NULL when no cache is used */
} Step;

typedef struct Stage Stage;
struct Stage {
    unsigned index; /* order of FROM */
    const Instr *from;
    Str name;        /* lower case; "" = none */
    VEC(Step) steps; /* triggers of the base first, then its own */
    Str base_text;   /* expanded */
    bool scratch;
    bool replaced;    /* by the build context of its name: the FROM and the steps do not count */
    Stage *base;      /* FROM an earlier stage, or NULL */
    BaseImage *image; /* FROM an image, or NULL */
    bool from_files;  /* FROM a build context that is no image: its first step copies the files */
    Platform platform;
    bool needed;
    unsigned readers;         /* mentions by needed stages that are still to come, FROM included */
    bool runs;                /* it, or a stage that is going to take over its disk, has a RUN */
    Dockerfile *triggers;     /* ONBUILD of the base, or NULL; owned */
    bool from_cache;          /* nothing in it is going to be looked into */
    struct StageBuild *built; /* build/engine.c's; NULL before and after */
};

typedef struct Plan {
    Builder *b;
    Dockerfile *d;
    Scope global;
    VEC(Stage *) stages; /* all, in the order of the file */
    Stage *target;
    VEC(Stage *) also; /* see BuildRequest */
    size_t bytes;      /* of memory, that stages in use hold: see stage_check_memory() */
} Plan;

int plan_make(Builder *b, Dockerfile *d, Plan *ret, Err *err) must_check;
void plan_done(Plan *p);

/*
 * What --from=TEXT means for a stage: an earlier stage (*ret_stage), else an image or build context
 * by that name (*ret_image). ERR_USAGE for a later or the same stage.
 */
int plan_find_source(Plan *p, const Stage *user, Str text, Stage **ret_stage, Str *ret_image,
                     Err *err) must_check;

/*
 * Without a look at any of them: the images that the FROM, COPY --from and RUN --mount=from= of all
 * stages name, needed or not, each once for a platform. Strings live in the builder's arena or in
 * the Dockerfile.
 */
typedef struct ImageName {
    Str text;
    Platform platform;
} ImageName;
typedef VEC(ImageName) ImageNameVec;
int plan_images(Builder *b, Dockerfile *d, ImageNameVec *ret, Err *err) must_check;

/* The same for RUN --mount=from=, where a number is no stage. "scratch": *ret_image is "". */
int plan_find_mount(Plan *p, const Stage *user, const RunMount *m, Stage **ret_stage,
                    Str *ret_image, Err *err) must_check;

/* What a step reads that is neither its own stage nor the context: one for each mention. */
typedef struct StepSource {
    Stage *stage; /* or NULL: */
    Str image;
} StepSource;
typedef VEC(StepSource) StepSourceVec;
int plan_step_sources(Plan *p, const Stage *user, const Step *step, StepSourceVec *ret, Err *err)
    must_check;

bool stage_has_files(const Stage *s); /* some step reads or changes the root file system */

/* The linter's report on the file, with what is known about base images. Outlives the plan. */
int plan_lint(const Plan *p, LintReport *ret, Err *err) must_check;
