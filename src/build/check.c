/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linter is told what the plan knows: which stages are going to be built, and what their base images set.
 */
#include "build/plan.h"

/* The plan's stage, for the linter. */
static LintStage describe(const Stage *s)
{
    LintStage k = {.left_out = !s->needed};

    if (!s->image)
        return k;
    k.image = s->base_text.p;
    k.env = &s->image->config.env;
    k.has_shell = s->image->config.shell.n > 0;
    k.has_triggers = s->image->config.on_build.n > 0;
    k.is = &s->image->config.platform;
    k.wanted = &s->image->platform;
    return k;
}

int plan_lint(const Plan *p, LintReport *ret, Err *err)
{
    const Builder *b = p->b;
    cleanup_free LintStage *stages = NEW_N(LintStage, p->stages.n);
    const LintInput in = {
        .d = p->d,
        .build_args = &b->req->build_args,
        .build = &b->build_platform,
        .target = &b->target_platform,
        .ignore = b->req->context ? context_ignore(b->req->context) : NULL,
        .stages = stages,
    };

    for (size_t n = 0; n < p->stages.n; n++)
        stages[n] = describe(p->stages.v[n]);
    return lint_run(&in, ret, err);
}
