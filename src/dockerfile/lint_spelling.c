/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How instructions are written: upper and lower case, comments, continuation, forms that are kept for old files.
 */
#include "dockerfile/lint_rules.h"
#include "dockerfile/text.h"

static bool is_all(Str word, char from, char to)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] >= from && word.p[i] <= to)
            return false;
    return true;
}

static bool is_lower(Str word)
{
    return is_all(word, 'A', 'Z');
}

static bool is_upper(Str word)
{
    return is_all(word, 'a', 'z');
}

/* The majority decides; upper case when there is none. Words in mixed case have no vote. */
static void check_casing(Lint *l)
{
    const Dockerfile *d = l->in->d;
    size_t lower = 0, upper = 0;
    bool want_lower;

    vec_foreach(i, &d->instrs) {
        lower += is_lower(i->keyword);
        upper += is_upper(i->keyword);
    }
    want_lower = lower > upper;
    vec_foreach(i, &d->instrs)
        if (want_lower ? !is_lower(i->keyword) : !is_upper(i->keyword))
            lint_add(l, LINT_CONSISTENT_INSTRUCTION_CASING, i, i->keyword,
                     STR_FMT " is not in %s case, as most instructions are", STR_ARG(i->keyword),
                     want_lower ? "lower" : "upper");
}

/* Mixed case of FROM itself is the business of the rule above. */
static void check_as(Lint *l, const Instr *i)
{
    Str as = i->args.v[1];

    if (is_lower(i->keyword) ? is_lower(as) : !is_upper(i->keyword) || is_upper(as))
        return;
    lint_add(l, LINT_FROM_AS_CASING, i, as, STR_FMT " is not in the case of " STR_FMT, STR_ARG(as),
             STR_ARG(i->keyword));
}

static void check_stage_name(Lint *l, const Instr *i)
{
    Str name = i->args.v[2];

    if (!is_lower(name))
        lint_add(l, LINT_STAGE_NAME_CASING, i, name,
                 "the stage name " STR_FMT " is not all lower case",
                 STR_ARG(text_quote(&l->scratch, name)));
}

/* --- descriptions --- */

/* The comment right above, but for one that speaks to the linter. */
static Str description_of(const Instr *i)
{
    for (size_t n = i->comments.n; n-- > 0;) {
        Str key, value;

        if (!str_cut(i->comments.v[n], '=', &key, &value) ||
            !str_eq_nocase(str_trim(key), S("check")))
            return i->comments.v[n];
    }
    return S("");
}

static void check_description(Lint *l, const Instr *i, const Str *names, size_t n)
{
    Str comment = description_of(i), word = comment, rest;

    if (comment.n == 0)
        return;
    (void)str_cut(comment, ' ', &word, &rest);
    for (size_t k = 0; k < n; k++)
        if (str_eq(word, names[k]))
            return;
    lint_add(l, LINT_INVALID_DEFINITION_DESCRIPTION, i, comment,
             "the comment above %s " STR_FMT " does not begin with its name", instr_name(i->kind),
             STR_ARG(text_clip(&l->scratch, names[0])));
}

static void check_arg_description(Lint *l, const Instr *i)
{
    StrVec names = {0};

    vec_foreach(w, &i->pairs)
        vec_push_in(&l->scratch, &names, w->name);
    if (names.n)
        check_description(l, i, names.v, names.n);
}

/* --- the rest --- */

/* An empty place at the beginning of a physical line. */
static Str line_at(Str text, unsigned line)
{
    while (--line > 0) {
        const char *end = memchr(text.p, '\n', text.n);

        if (!end)
            break;
        text = str_skip(text, (size_t)(end - text.p) + 1);
    }
    return str_head(text, 0);
}

static void check_instr(Lint *l, const Instr *i)
{
    if (i->blank_line)
        lint_add(l, LINT_NO_EMPTY_CONTINUATION, i, line_at(i->source->text, i->blank_line),
                 "a blank line inside of %s", instr_name(i->kind));
    if (i->kind == INSTR_MAINTAINER)
        lint_add(l, LINT_MAINTAINER_DEPRECATED, i, i->keyword, "MAINTAINER is deprecated");
    if (i->kind == INSTR_ARG)
        check_arg_description(l, i);
    if (i->kind == INSTR_FROM && i->args.n == 3) {
        check_as(l, i);
        check_stage_name(l, i);
        check_description(l, i, &i->args.v[2], 1);
    }
}

void lint_spelling(Lint *l)
{
    check_casing(l);
    vec_foreach(i, &l->in->d->instrs)
        check_instr(l, i);
}
