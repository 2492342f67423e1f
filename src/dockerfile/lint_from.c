/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FROM: the image with its variables, the platform, the stage's name. All stages are looked at, also those that are not
 * going to be built.
 */
#include "base/limits.h"
#include "dockerfile/lint_rules.h"
#include "dockerfile/text.h"
#include "oci/config.h"
#include "oci/reference.h"

/* --- which variables a word uses --- */

typedef struct Usage {
    const Scope *scope;
    unsigned set, unset;
} Usage;

static bool count_lookup(void *ctx, Str name, Str *ret)
{
    Usage *u = ctx;
    const KeyValue *kv = key_values_find(&u->scope->vars, name);

    if (!kv) {
        u->unset++;
        return false;
    }
    u->set++;
    *ret = kv->value;
    return true;
}

static bool use(const Scope *s, Str word, Usage *ret_usage, Buf *out)
{
    Expander x = {.escape = s->escape, .lookup = count_lookup, .ctx = ret_usage};
    Err ignored;

    *ret_usage = (Usage){.scope = s};
    return expand_word(&x, word, out, &ignored) == 0;
}

/* --- undefined arguments --- */

static void check_arguments(Lint *l, const Instr *i, Str word)
{
    Str ignored;

    if (!lint_expand(l, &l->global, word, &ignored))
        return;
    vec_foreach(name, &l->unset)
        if (!scope_declares(&l->global, *name))
            lint_add(l, LINT_UNDEFINED_ARG_IN_FROM, i, *name,
                     "FROM uses " STR_FMT ", which no ARG before it declares" STR_FMT,
                     STR_ARG(text_clip(&l->scratch, *name)),
                     STR_ARG(lint_suggest(l, &l->global, *name)));
}

/* --- the image --- */

static bool is_stage(const Lint *l, const LintedStage *before, Str name)
{
    for (const LintedStage *s = l->stages.v; s < before; s++)
        if (s->name.n && str_eq(s->name, name))
            return true;
    return false;
}

static void check_default(Lint *l, const LintedStage *s)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    Str word = s->from->args.v[0], image;
    Reference ref;
    Usage u;
    Err ignored;

    if (!use(&l->defaults, word, &u, &out) || u.set + u.unset == 0)
        return;
    image = str_trim(buf_str(&out));
    if (is_stage(l, s, image) || reference_parse(&l->scratch, image, &ref, &ignored) == 0)
        return;
    lint_add(l, LINT_INVALID_DEFAULT_ARG_IN_FROM, s->from, word,
             "without build arguments, " STR_FMT " is %s", STR_ARG(text_quote(&l->scratch, word)),
             image.n ? "no valid image name" : "empty");
}

static void check_image_platform(Lint *l, const LintedStage *s)
{
    const LintStage *k = s->known;

    if (!k || !k->image || !k->is || !k->wanted || k->is->os.n == 0 || k->is->arch.n == 0)
        return;
    if (str_eq(k->is->os, k->wanted->os) && str_eq(k->is->arch, k->wanted->arch))
        return;
    lint_add(l, LINT_INVALID_BASE_IMAGE_PLATFORM, s->from, s->from->args.v[0],
             "the image %s is for " STR_FMT ", not for " STR_FMT, k->image,
             STR_ARG(platform_format(&l->scratch, k->is)),
             STR_ARG(platform_format(&l->scratch, k->wanted)));
}

/* --- --platform --- */

/* The variable is all there is to it, and what it stands for is the default. */
static bool is_target(const Lint *l, const Usage *u, Str value)
{
    const KeyValue *target = key_values_find(&l->global.vars, S("TARGETPLATFORM"));

    return u->set == 1 && u->unset == 0 && target && str_eq(target->value, value);
}

static void check_constant(Lint *l, const LintedStage *s, Str word, Str value)
{
    Platform p;
    Err ignored;

    if (platform_parse(&l->scratch, value, &p, &ignored) < 0)
        return; /* the build will say so */
    if (s->name.n && (str_contains(s->name, p.os) || str_contains(s->name, p.arch)))
        return;
    lint_add(l, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, s->from, word,
             "--platform is the constant " STR_FMT, STR_ARG(text_quote(&l->scratch, value)));
}

static void check_platform(Lint *l, const LintedStage *s, Str word)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    Usage u;

    if (!use(&l->global, word, &u, &out))
        return;
    if (u.set + u.unset == 0)
        check_constant(l, s, word, buf_str(&out));
    else if (is_target(l, &u, buf_str(&out)) && str_contains(word, S("TARGETPLATFORM")))
        lint_add(l, LINT_REDUNDANT_TARGET_PLATFORM, s->from, word,
                 "--platform=" STR_FMT " is the default", STR_ARG(text_clip(&l->scratch, word)));
}

/* --- names --- */

static void check_name(Lint *l, const LintedStage *s)
{
    Str name = s->name;

    if (name.n == 0)
        return;
    if (str_eq(name, S("scratch")) || str_eq(name, S("context")))
        lint_add(l, LINT_RESERVED_STAGE_NAME, s->from, s->from->args.v[2],
                 "the stage name " STR_FMT " has a meaning of its own", STR_ARG(name));
    for (const LintedStage *other = l->stages.v; other < s; other++) {
        if (!str_eq(other->name, name))
            continue;
        lint_add(l, LINT_DUPLICATE_STAGE_NAME, s->from, s->from->args.v[2],
                 "the stage in line %u is called " STR_FMT " too", other->from->line,
                 STR_ARG(text_quote(&l->scratch, name)));
        break;
    }
}

void lint_from(Lint *l)
{
    vec_foreach(s, &l->stages) {
        const Flag *platform = instr_flag(s->from, "platform");

        check_arguments(l, s->from, s->from->args.v[0]);
        if (platform) {
            check_arguments(l, s->from, platform->value);
            check_platform(l, s, platform->value);
        }
        check_default(l, s);
        check_image_platform(l, s);
        check_name(l, s);
    }
}
