/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every word of an instruction that the build would expand (spec/dockerfile 2.2), looked through for names that neither
 * ARG nor ENV nor the base image has set. An ARG without a value is declared, and so is not undefined.
 */
#include "base/limits.h"
#include "dockerfile/lint_rules.h"
#include "dockerfile/text.h"

/* The names in l->unset, each once. */
static void report(Lint *l, const Scope *s, const Instr *i)
{
    for (size_t n = 0; n < l->unset.n; n++) {
        Str name = l->unset.v[n];
        bool again = scope_declares(s, name);

        for (size_t k = 0; k < n; k++)
            again = again || str_eq(l->unset.v[k], name);
        if (!again)
            lint_add(l, LINT_UNDEFINED_VAR, i, name,
                     "%s uses " STR_FMT ", which nothing defines" STR_FMT, instr_name(i->kind),
                     STR_ARG(text_clip(&l->scratch, name)), STR_ARG(lint_suggest(l, s, name)));
    }
}

static void check_word(Lint *l, Scope *s, const Instr *i, Str word)
{
    Str ignored;

    if (memchr(word.p, '$', word.n) && lint_expand(l, s, word, &ignored))
        report(l, s, i);
}

static void check_args(Lint *l, Scope *s, const Instr *i)
{
    vec_foreach(word, &i->args)
        if (!instr_heredoc(i, *word))
            check_word(l, s, i, *word);
}

static void check_bodies(Lint *l, Scope *s, const Instr *i)
{
    Arena *own = s->arena;

    s->unset = &l->unset;
    s->arena = &l->words;
    vec_foreach(h, &i->heredocs) {
        Str ignored;
        Err why;

        l->unset.n = 0;
        if (h->expand && scope_expand_body(s, h->body, &ignored, &why) == 0)
            report(l, s, i);
    }
    s->arena = own;
    s->unset = NULL;
}

static void check_flags(Lint *l, Scope *s, const Instr *i)
{
    vec_foreach(f, &i->flags) {
        if (str_eq(f->name, S("chown")) || str_eq(f->name, S("chmod")) ||
            str_eq(f->name, S("checksum")))
            check_word(l, s, i, f->value);
        if (!str_eq(f->name, S("mount")))
            continue;
        for (Str rest = f->value, field; str_next(&rest, ',', &field);)
            if (!str_starts(field, S("from=")))
                check_word(l, s, i, field);
    }
}

/* Later words of an ARG see the earlier ones. */
static void check_arg(Lint *l, const LintedStage *from, const Instr *i)
{
    Scope s;

    if (!memchr(i->rest.p, '$', i->rest.n))
        return;
    scope_branch(&s, &from->scope);
    s.arena = &l->words;
    vec_foreach(w, &i->pairs) {
        Str name, value;
        bool set;
        Err ignored;

        check_word(l, &s, i, w->name);
        if (w->has_value)
            check_word(l, &s, i, w->value);
        if (scope_declare_arg(&s, w, &name, &value, &set, &ignored) < 0)
            break;
    }
    scope_done(&s);
}

static void check_pairs(Lint *l, Scope *s, const Instr *i)
{
    vec_foreach(w, &i->pairs) {
        check_word(l, s, i, w->name);
        check_word(l, s, i, w->value);
    }
}

void lint_variables(Lint *l, LintedStage *stage, const Instr *i)
{
    Scope *s = &stage->scope;

    if (!stage->env_known)
        return;
    switch (i->kind) {
    case INSTR_ADD:
    case INSTR_COPY:
        check_flags(l, s, i);
        check_args(l, s, i);
        check_bodies(l, s, i);
        return;
    case INSTR_RUN: check_flags(l, s, i); return;
    case INSTR_ARG: check_arg(l, stage, i); return;
    case INSTR_ENV:
    case INSTR_LABEL: check_pairs(l, s, i); return;
    case INSTR_EXPOSE:
    case INSTR_STOPSIGNAL:
    case INSTR_USER:
    case INSTR_VOLUME:
    case INSTR_WORKDIR: check_args(l, s, i); return;
    case INSTR_CMD:
    case INSTR_ENTRYPOINT:
    case INSTR_FROM:
    case INSTR_HEALTHCHECK:
    case INSTR_MAINTAINER:
    case INSTR_ONBUILD:
    case INSTR_SHELL:
    case INSTR_COUNT: return;
    }
}
