/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of rules, and what happens to a finding: it is dropped when the file or a comment above the instruction says
 * so, gets its place, and is sorted among the others by where it points. The rules themselves are in three groups:
 *
 *     lint_spelling.c   how instructions are written
 *     lint_from.c       FROM, and the names of stages
 *     lint_stage.c      what instructions mean, stage by stage; lint_vars.c: the variables they use
 */
#include "dockerfile/lint.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"
#include "dockerfile/error.h"
#include "dockerfile/lint_rules.h"
#include "dockerfile/text.h"
#include "oci/config.h"

enum {
    TEXT_MAX = 400,         /* bytes of a finding's text */
    FINDINGS_MAX = 1000000, /* more than ten for each instruction that a file may have */
    COMPARED_MAX = 1000000, /* names that are compared for suggestions; after that there are none */
};

static const LintRuleInfo rules[LINT_RULE_COUNT] = {
    [LINT_STAGE_NAME_CASING] = {"StageNameCasing", "stage names are written in lower case",
                                "write the name in lower case"},
    [LINT_FROM_AS_CASING] = {"FromAsCasing", "FROM and AS are written in the same case",
                             "write FROM ... AS, or from ... as"},
    [LINT_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation",
                                    "a continued instruction holds no blank lines",
                                    "remove the blank line, or make it a comment (#)"},
    [LINT_CONSISTENT_INSTRUCTION_CASING] =
        {"ConsistentInstructionCasing", "all instructions of a file are written in the same case",
         "write the instruction as most others are: all upper or all lower case"},
    [LINT_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", "each stage has a name of its own",
                                   "give one of the two stages another name"},
    [LINT_RESERVED_STAGE_NAME] =
        {"ReservedStageName", "no stage is called scratch or context",
         "choose another name: scratch is the empty image, context the build context"},
    [LINT_JSON_ARGS_RECOMMENDED] =
        {"JSONArgsRecommended",
         "CMD and ENTRYPOINT are JSON lists, so that signals reach the program",
         "write CMD [\"program\", \"argument\"]; where a shell is wanted, name it there or with SHELL"},
    [LINT_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated", "MAINTAINER is deprecated",
                                    "use LABEL org.opencontainers.image.authors=\"...\""},
    [LINT_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom",
                                    "variables of FROM are declared before the first FROM",
                                    "declare it with ARG before the first FROM"},
    [LINT_UNDEFINED_VAR] = {"UndefinedVar", "variables are declared before they are used",
                            "declare it with ARG or ENV in this stage, or correct its name"},
    [LINT_WORKDIR_RELATIVE_PATH] =
        {"WorkdirRelativePath", "the first WORKDIR of a stage does not hang on the base image's",
         "begin the path with /"},
    [LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] =
        {"MultipleInstructionsDisallowed",
         "CMD, ENTRYPOINT and HEALTHCHECK stand in a stage once: the last one counts",
         "remove it, or move it to another stage"},
    [LINT_LEGACY_KEY_VALUE_FORMAT] =
        {"LegacyKeyValueFormat", "ENV and LABEL are written with =",
         "write KEY=VALUE, with quotes around a value that holds blanks"},
    [LINT_INVALID_BASE_IMAGE_PLATFORM] =
        {"InvalidBaseImagePlatform", "a base image is for the platform that is built for",
         "choose an image that exists for this platform, or say --platform"},
    [LINT_REDUNDANT_TARGET_PLATFORM] =
        {"RedundantTargetPlatform", "FROM does not ask for $TARGETPLATFORM, which it takes anyway",
         "remove --platform"},
    [LINT_SECRETS_USED_IN_ARG_OR_ENV] =
        {"SecretsUsedInArgOrEnv", "secrets are not given with ARG or ENV: they stay in the image",
         "use RUN --mount=type=secret"},
    [LINT_INVALID_DEFAULT_ARG_IN_FROM] =
        {"InvalidDefaultArgInFrom", "FROM names an image also when no build argument is given",
         "give the ARG a default that makes a valid image name"},
    [LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] =
        {"FromPlatformFlagConstDisallowed", "FROM --platform is not a constant",
         "use $BUILDPLATFORM, remove the flag, or name the stage after the platform"},
    [LINT_COPY_IGNORED_FILE] = {"CopyIgnoredFile",
                                "what is copied is not excluded by .dockerignore",
                                "change .dockerignore, or copy something else"},
    [LINT_INVALID_DEFINITION_DESCRIPTION] =
        {"InvalidDefinitionDescription",
         "a comment right above an ARG or a named stage begins with its name",
         "begin the comment with the name, or put a line with # alone below it", true},
    [LINT_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing", "protocols of EXPOSE are in lower case",
                                  "write tcp, udp or sctp"},
    [LINT_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat",
                                    "EXPOSE names ports of the container only",
                                    "leave out the address and the host's port"},
};

const LintRuleInfo *lint_rule(LintRule r)
{
    return &rules[r];
}

/* --- check options --- */

static void split_names(Arena *a, Str text, bool *ret_all, StrVec *ret)
{
    if (str_eq(text, S("all"))) {
        *ret_all = true;
        return;
    }
    for (Str rest = text, name; str_next(&rest, ',', &name);)
        vec_push_in(a, ret, str_trim(name));
}

static int parse_option(Arena *a, Str option, LintCheck *c, Err *err)
{
    Str key, value;

    if (str_cut(option, '=', &key, &value)) {
        key = str_trim(key);
        value = str_trim(value);
        if (str_eq(key, S("skip"))) {
            split_names(a, value, &c->skip_all, &c->skip);
            return 0;
        }
        if (str_eq(key, S("experimental"))) {
            split_names(a, value, &c->experimental_all, &c->experimental);
            return 0;
        }
        if (str_eq(key, S("error")) && num_parse_bool(value, &c->error))
            return 0;
    }
    return err_set(err, ERR_SYNTAX,
                   "invalid check option " STR_FMT
                   " (skip=RULE,... error=true and experimental=RULE,... are known, joined by ;)",
                   STR_ARG(text_quote(a, option)));
}

int lint_check_parse(Arena *a, Str text, LintCheck *ret, Err *err)
{
    LintCheck c = {0};

    text = str_trim(text);
    if (text.n)
        for (Str rest = text, option; str_next(&rest, ';', &option);)
            TRY(parse_option(a, option, &c, err));
    *ret = c;
    return 0;
}

static bool has_name(const StrVec *names, Str name)
{
    vec_foreach(n, names)
        if (str_eq(*n, name))
            return true;
    return false;
}

static bool skips(const LintCheck *c, LintRule rule)
{
    return c->skip_all || has_name(&c->skip, str_from(rules[rule].name));
}

/* "# check=skip=RULE" above the instruction. Any other comment is nobody's business. */
static bool skipped_above(Lint *l, const Instr *i, LintRule rule)
{
    vec_foreach(comment, &i->comments) {
        LintCheck c;
        Str key, value;
        Err ignored;

        if (str_cut(*comment, '=', &key, &value) && str_eq_nocase(str_trim(key), S("check")) &&
            lint_check_parse(&l->scratch, value, &c, &ignored) == 0 && skips(&c, rule))
            return true;
    }
    return false;
}

static bool is_wanted(Lint *l, const Instr *i, LintRule rule)
{
    const LintCheck *c = &l->check;

    if (rules[rule].experimental && !c->experimental_all &&
        !has_name(&c->experimental, str_from(rules[rule].name)))
        return false;
    return !skips(c, rule) && !skipped_above(l, i, rule);
}

/* --- findings --- */

void lint_add(Lint *l, LintRule rule, const Instr *i, Str at, const char *fmt, ...)
{
    LintFinding f = {.rule = rule, .instr = i, .line = i->line};
    char text[TEXT_MAX];
    va_list ap;

    if (l->report->findings.n == FINDINGS_MAX || !is_wanted(l, i, rule))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    f.text = str_dup_in(l->arena, str_from(text));
    if (!place_find(i->source, i->pieces.v, i->pieces.n, at, &f.place))
        (void)place_find(i->source, i->pieces.v, i->pieces.n, i->keyword, &f.place);
    if (rule == LINT_NO_EMPTY_CONTINUATION)
        f.line = f.place.number;
    vec_push_in(l->arena, &l->report->findings, f);
}

static int compare_findings(const void *a, const void *b)
{
    const LintFinding *x = a, *y = b;

    if (x->place.number != y->place.number)
        return x->place.number < y->place.number ? -1 : 1;
    if (x->place.offset != y->place.offset)
        return x->place.offset < y->place.offset ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    return str_cmp(x->text, y->text);
}

bool lint_expand(Lint *l, Scope *s, Str word, Str *ret)
{
    Arena *own = s->arena;
    Err ignored;
    bool ok;

    l->unset.n = 0;
    s->unset = &l->unset;
    s->arena = &l->words;
    ok = scope_expand(s, word, ret, &ignored) == 0;
    s->arena = own;
    s->unset = NULL;
    return ok;
}

Str lint_suggest(Lint *l, const Scope *s, Str name)
{
    VEC(const char *) names = {0};
    Str suggestion;

    l->compared += s->vars.n + s->args.n;
    if (l->compared > COMPARED_MAX)
        return S("");
    vec_foreach(kv, &s->vars)
        vec_push(&names, kv->key.p);
    vec_foreach(arg, &s->args)
        vec_push(&names, arg->p);
    suggestion = text_suggest(&l->scratch, name, names.v, names.n, false);
    vec_done(&names);
    return suggestion;
}

/* --- all of it --- */

static void begin_stage(Lint *l, const Instr *from, size_t n)
{
    LintedStage s = {.from = from, .begin = n + 1, .name = S("")};

    if (from->args.n == 3)
        s.name = str_lower_in(&l->scratch, from->args.v[2]);
    if (l->in->stages)
        s.known = &l->in->stages[l->stages.n];
    vec_push(&l->stages, s);
}

/* Stages with their bases; ARGs before the first FROM. */
static void find_stages(Lint *l)
{
    const Dockerfile *d = l->in->d;

    for (size_t n = 0; n < d->instrs.n; n++) {
        const Instr *i = &d->instrs.v[n];

        if (i->kind == INSTR_FROM && l->stages.n < LIMIT_STAGES)
            begin_stage(l, i, n);
        if (l->stages.n)
            l->stages.v[l->stages.n - 1].end = n + 1;
    }
    for (size_t n = 0; n < l->stages.n; n++) {
        LintedStage *s = &l->stages.v[n];
        Str image;

        if (!lint_expand(l, &l->global, s->from->args.v[0], &image))
            continue;
        image = str_trim(image);
        s->scratch = str_eq(image, S("scratch"));
        for (size_t k = n; k-- > 0 && !s->base && !s->scratch;)
            if (l->stages.v[k].name.n && str_eq(l->stages.v[k].name, image))
                s->base = &l->stages.v[k];
    }
}

static void declare(Scope *s, const Instr *i)
{
    vec_foreach(w, &i->pairs) {
        Str name, value;
        bool set;
        Err ignored;

        if (scope_declare_arg(s, w, &name, &value, &set, &ignored) < 0)
            return; /* the build will say so */
    }
}

static void start_scope(Lint *l, Scope *s, const KeyValueVec *build_args)
{
    const Dockerfile *d = l->in->d;
    const ScopeOpts opts = {
        .build_args = build_args,
        .escape = d->escape,
        .build = l->in->build,
        .target = l->in->target,
        .target_stage = S("default"),
    };

    scope_init_global(s, &l->scratch, &opts);
    vec_foreach(i, &d->instrs) {
        if (i->kind != INSTR_ARG)
            break;
        declare(s, i);
    }
}

static int read_check(Lint *l, Err *err)
{
    const Dockerfile *d = l->in->d;
    const KeyValue *arg = key_values_find(l->in->build_args, S("BUILDKIT_DOCKERFILE_CHECK"));

    if (arg) {
        if (lint_check_parse(l->arena, arg->value, &l->check, err) < 0)
            return err_wrap(err, "build argument %s", "BUILDKIT_DOCKERFILE_CHECK");
    } else if (lint_check_parse(l->arena, d->check, &l->check, err) < 0) {
        return error_show(d->instrs.v[0].source, NULL, 0, d->check, 0, err);
    }
    l->report->error = l->check.error;
    return 0;
}

static void run(Lint *l)
{
    static const KeyValueVec none;

    start_scope(l, &l->global, l->in->build_args);
    start_scope(l, &l->defaults, &none);
    find_stages(l);
    lint_spelling(l);
    lint_from(l);
    lint_stages(l);
    if (l->report->findings.n)
        qsort(l->report->findings.v, l->report->findings.n, sizeof(LintFinding), compare_findings);
}

static void lint_done(Lint *l)
{
    vec_foreach(s, &l->stages)
        scope_done(&s->scope);
    vec_done(&l->stages);
    scope_done(&l->global);
    scope_done(&l->defaults);
    vec_done(&l->unset);
    arena_done(&l->words);
    arena_done(&l->scratch);
}

int lint_run(const LintInput *in, LintReport *ret, Err *err)
{
    cleanup_lint_report LintReport report = {0};
    Lint l = {.in = in, .arena = &report.arena, .report = &report};
    int rc = read_check(&l, err);

    if (rc == 0)
        run(&l);
    lint_done(&l);
    TRY(rc);
    *ret = report;
    report = (LintReport){0};
    return 0;
}

void lint_report_done(LintReport *r)
{
    arena_done(&r->arena);
    *r = (LintReport){0};
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int lint_verdict(const LintReport *r, const Dockerfile *d, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    const char *names[LINT_RULE_COUNT];
    bool found[LINT_RULE_COUNT] = {false};
    size_t n = 0;

    if (!r->error || r->findings.n == 0)
        return 0;
    vec_foreach(f, &r->findings) {
        if (!found[f->rule])
            names[n++] = rules[f->rule].name;
        found[f->rule] = true;
    }
    qsort(names, n, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "%s%s", i ? ", " : "", names[i]);
    return err_set(err, ERR_USAGE, STR_FMT ": lint violation found for rules: %s", STR_ARG(d->name),
                   buf_z(&text));
}

void lint_add_message(const LintFinding *f, Buf *out)
{
    buf_addf(out, "%s: ", rules[f->rule].name);
    place_add_visible(out, f->text, SIZE_MAX);
    buf_addf(out, " (line %u)", f->line);
}
