/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a Dockerfile. What is accepted must keep what ast.h promises; then every value is put through the reader
 * that build/ would put it through, and the linter looks at all of it.
 */
#include "demand.h"
#include "dockerfile/chmod.h"
#include "dockerfile/expose.h"
#include "dockerfile/healthcheck.h"
#include "dockerfile/lint.h"
#include "dockerfile/mount.h"
#include "dockerfile/parse.h"
#include "dockerfile/stopsignal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool lookup(void *ctx, Str name, Str *ret)
{
    (void)ctx;
    *ret = name;
    return name.n % 2 == 0;
}

static void read_word(const Instr *i, Str word)
{
    const Expander x = {.escape = i->source->escape, .lookup = lookup};
    cleanup_buf Buf out = BUF_INIT((size_t)1 << 16);
    cleanup_arena Arena a = ARENA_INIT;
    StrVec words = {0};
    ChmodSpec chmod;
    Err err = {0};

    if (expand_word(&x, word, &out, &err) < 0)
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
    if (expand_words(&x, &a, word, &words, &err) == 0 && words.n)
        (void)!expose_parse(&a, words.v[0], &words, &err);
    (void)!stopsignal_check(word, &err);
    if (chmod_parse(word, &chmod, &err) == 0)
        demand(chmod_apply(&chmod, 0100644, false) >> 12 == 8);
    (void)instr_heredoc(i, word);
    vec_done(&words);
}

static void read_flags(const Instr *i)
{
    const Expander x = {.escape = i->source->escape, .lookup = lookup};

    vec_foreach(f, &i->flags) {
        cleanup_arena Arena a = ARENA_INIT;
        RunMount mount;
        Err err = {0};

        demand(instr_flag(i, "no-such-flag") == NULL);
        read_word(i, f->value);
        (void)!mount_parse(&a, f->value, &x, &mount, &err);
    }
}

static void read_instr(Dockerfile *d, const Instr *i)
{
    cleanup_arena Arena a = ARENA_INIT;
    Healthcheck health = {0};
    Err err = {.kind = ERR_SYNTAX, .msg = "cause"};

    demand(i->line >= 1 && i->line_end >= i->line && i->keyword.n && i->original.n >= i->keyword.n);
    demand(!memchr(i->original.p, '\0', i->original.n));
    read_flags(i);
    vec_foreach(arg, &i->args) {
        demand(!memchr(arg->p, '\0', arg->n) || i->kind == INSTR_ONBUILD);
        read_word(i, *arg);
        demand(dockerfile_error_at(d, i, *arg, &err) == -1 && err.line >= 1);
    }
    vec_foreach(w, &i->pairs)
        read_word(i, w->value);
    if (i->kind == INSTR_HEALTHCHECK)
        demand(healthcheck_from(i, &a, &health, &err) == 0);
    vec_done(&health.test);
}

/* What ONBUILD stores must be one instruction again, if it is one at all. */
static void read_trigger(const Instr *i)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err = {0};

    if (i->kind != INSTR_ONBUILD)
        return;
    if (dockerfile_parse_trigger(S("trigger"), i->args.v[0], &d, &err) == 0)
        demand(d.instrs.n == 1 && d.instrs.v[0].heredocs.n == i->heredocs.n);
    else
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
}

/* Whatever is found is found somewhere in the file. */
static void lint(const Dockerfile *d, const LintStage *stages)
{
    static const Platform platform = {.os = STR_LIT("linux"), .arch = STR_LIT("amd64")};
    static const KeyValueVec none;
    const LintInput in = {
        .d = d, .build_args = &none, .build = &platform, .target = &platform, .stages = stages};
    cleanup_lint_report LintReport r = {0};
    unsigned last = 0;
    Err err = {0};

    if (lint_run(&in, &r, &err) < 0) {
        demand(err.kind == ERR_SYNTAX && err.line >= 1);
        return;
    }
    vec_foreach(f, &r.findings) {
        cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

        demand(f->place.number >= 1 && f->place.number >= last && f->place.line.p >= d->text.p &&
               f->place.offset + f->place.length <= f->place.line.n);
        last = f->place.number;
        lint_add_message(f, &text);
        place_add_excerpt(&text, &f->place);
        demand(!text.full);
    }
    (void)!lint_verdict(&r, d, &err);
}

/* With base images of which nothing is known, and with such as set no variable. */
static void lint_both(const Dockerfile *d)
{
    cleanup_free LintStage *stages = NEW_N(LintStage, d->instrs.n);

    for (size_t n = 0; n < d->instrs.n; n++)
        stages[n] = (LintStage){.image = "image"};
    lint(d, NULL);
    lint(d, stages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err = {0};

    if (dockerfile_parse(S("Dockerfile"), (Str){(const char *)data, n}, &d, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT || err.kind == ERR_UNSUPPORTED);
        demand(err.line >= 1 && str_starts(str_from(err.msg), S("Dockerfile:")));
        return 0;
    }
    demand(d.instrs.n > 0 && (d.escape == '\\' || d.escape == '`'));
    vec_foreach(i, &d.instrs) {
        read_instr(&d, i);
        read_trigger(i);
    }
    lint_both(&d);
    return 0;
}
