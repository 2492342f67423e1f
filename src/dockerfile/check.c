/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be said about an instruction without its environment. Checks of values that are expanded first
 * (ports, signals, --chmod) belong to whoever expands them.
 */
#include "dockerfile/form.h"
#include "dockerfile/healthcheck.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/mount.h"
#include "dockerfile/text.h"

/* --- flags --- */

static int unknown_flag(Reading *r, const InstrSpec *spec, Str name, Err *err)
{
    const char *names[FLAGS_MAX];
    size_t n = 0;

    while (n < FLAGS_MAX && spec->flags[n].name) {
        names[n] = spec->flags[n].name;
        n++;
    }
    return err_set(err, ERR_SYNTAX, "unknown flag: --" STR_FMT STR_FMT,
                   STR_ARG(text_clip(r->arena, name)),
                   STR_ARG(text_suggest(r->arena, name, names, n, false)));
}

static int check_bool(Reading *r, const Flag *f, Err *err)
{
    if (f->has_value && f->value.n == 0)
        return err_set(err, ERR_SYNTAX, "missing a value on flag: --" STR_FMT, STR_ARG(f->name));
    if (f->has_value && !str_eq_nocase(f->value, S("true")) && !str_eq_nocase(f->value, S("false")))
        return err_set(err, ERR_SYNTAX,
                       "expecting boolean value for flag --" STR_FMT ", not: " STR_FMT,
                       STR_ARG(f->name), STR_ARG(text_clip(r->arena, f->value)));
    return 0;
}

static int check_flag(Reading *r, const InstrSpec *spec, const Flag *f, unsigned *seen, Err *err)
{
    size_t n = 0;

    while (n < FLAGS_MAX && spec->flags[n].name && !str_eq(f->name, str_from(spec->flags[n].name)))
        n++;
    if (n == FLAGS_MAX || !spec->flags[n].name)
        return unknown_flag(r, spec, f->name, err);
    if (*seen & 1u << n && spec->flags[n].kind != FLAG_STRINGS)
        return err_set(err, ERR_SYNTAX, "duplicate flag specified: --" STR_FMT, STR_ARG(f->name));
    *seen |= 1u << n;
    if (spec->flags[n].kind == FLAG_BOOL)
        return check_bool(r, f, err);
    if (!f->has_value)
        return err_set(err, ERR_SYNTAX, "missing a value on flag: --" STR_FMT, STR_ARG(f->name));
    return 0;
}

int flags_check(Reading *r, Instr *i, const FlagWordVec *words, Err *err)
{
    const InstrSpec *spec = instr_spec(i->kind);
    unsigned seen = 0;

    if (spec->drops_flags || str_eq(i->health_type, S("NONE")))
        return 0;
    vec_foreach(word, words) {
        Flag f = {.value = S("")};

        f.has_value = str_cut(str_skip(word->text, 2), '=', &f.name, &f.value);
        if (!f.has_value)
            f.name = str_skip(word->text, 2);
        r->at = word->raw;
        TRY(check_flag(r, spec, &f, &seen, err));
        vec_push_in(r->arena, &i->flags, f);
    }
    r->at = (Str){0};
    return 0;
}

/* --- counts --- */

static int check_count(const Instr *i, Err *err)
{
    const char *name = instr_name(i->kind);
    size_t n = i->args.n + i->pairs.n;

    switch (instr_spec(i->kind)->count) {
    case COUNT_ANY: return 0;
    case COUNT_SOME:
        if (n == 0)
            return err_set(err, ERR_SYNTAX, "%s requires at least one argument", name);
        return 0;
    case COUNT_ONE:
        if (n != 1)
            return err_set(err, ERR_SYNTAX, "%s requires exactly one argument", name);
        return 0;
    case COUNT_SOURCES:
        if (n < 2)
            return err_set(err, ERR_SYNTAX,
                           "%s requires at least two arguments, but only one was provided. "
                           "Destination could not be determined",
                           name);
        return 0;
    case COUNT_FROM:
        if (n != 1 && (n != 3 || !str_eq_nocase(i->args.v[1], S("as"))))
            return err_set(err, ERR_SYNTAX, "FROM requires either one or three arguments");
        return 0;
    }
    return 0;
}

/* --- instructions --- */

static bool is_stage_name(Str s)
{
    for (size_t n = 0; n < s.n; n++) {
        char c = s.p[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && (n == 0 || ((c < '0' || c > '9') && c != '-' && c != '_' && c != '.')))
            return false;
    }
    return s.n > 0;
}

static int check_from(Reading *r, const Instr *i, Err *err)
{
    if (i->args.n < 3 || is_stage_name(i->args.v[2]))
        return 0;
    r->at = i->args.v[2];
    return err_set(err, ERR_SYNTAX,
                   "invalid name for build stage: " STR_FMT
                   ", name can't start with a number or contain symbols",
                   STR_ARG(text_quote(r->arena, i->args.v[2])));
}

static int check_names(Reading *r, const Instr *i, Err *err)
{
    vec_foreach(w, &i->pairs) {
        if (w->name.n)
            continue;
        r->at = w->name;
        return err_set(err, ERR_SYNTAX, "%s names can not be blank", instr_name(i->kind));
    }
    return 0;
}

static int check_volumes(Reading *r, Instr *i, Err *err)
{
    vec_foreach(arg, &i->args) {
        r->at = *arg;
        *arg = text_trim(*arg);
        if (arg->n == 0)
            return err_set(err, ERR_SYNTAX, "VOLUME specified can not be an empty string");
    }
    return 0;
}

static int check_destination(Reading *r, const Instr *i, Err *err)
{
    Heredoc ignored;
    Err why;

    r->at = i->args.v[i->args.n - 1];
    if (heredoc_parse(r->arena, r->at, &ignored, &why) > 0)
        return err_set(err, ERR_SYNTAX, "%s cannot accept a heredoc as a destination",
                       instr_name(i->kind));
    return 0;
}

static int check_shell(const Instr *i, Err *err)
{
    if (i->exec_form ? i->args.n == 0 : i->rest.n == 0)
        return err_set(err, ERR_SYNTAX, "SHELL requires at least one argument");
    if (!i->exec_form)
        return err_set(err, ERR_SYNTAX, "SHELL requires the arguments to be in JSON form");
    return 0;
}

static int check_trigger(Reading *r, const Instr *i, Err *err)
{
    Str rest, word = text_first_word(i->rest, &rest);
    InstrKind kind;

    r->at = word;
    if (!instr_find(word, &kind))
        return 0;
    if (kind == INSTR_ONBUILD)
        return err_set(err, ERR_SYNTAX, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (kind == INSTR_FROM || kind == INSTR_MAINTAINER)
        return err_set(err, ERR_SYNTAX, "%s isn't allowed as an ONBUILD trigger", instr_name(kind));
    return 0;
}

static bool is_one_of(Str s, const char *const *list, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (str_eq(s, str_from(list[k])))
            return true;
    return false;
}

static int check_run_flag(Reading *r, const Flag *f, Err *err)
{
    static const char *const networks[] = {"default", "none", "host"};
    static const char *const securities[] = {"sandbox", "insecure"};
    RunMount mount;

    r->at = f->value;
    if (str_eq(f->name, S("mount")))
        return mount_parse(r->arena, f->value, NULL, &mount, err);
    if (str_eq(f->name, S("network")) && !is_one_of(f->value, networks, ARRAY_LEN(networks)))
        return err_set(err, ERR_SYNTAX, "invalid network mode " STR_FMT,
                       STR_ARG(text_quote(r->arena, f->value)));
    if (str_eq(f->name, S("security")) && !is_one_of(f->value, securities, ARRAY_LEN(securities)))
        return err_set(err, ERR_SYNTAX, "security " STR_FMT " is not valid",
                       STR_ARG(text_quote(r->arena, f->value)));
    return 0;
}

static int check_run(Reading *r, const Instr *i, Err *err)
{
    if (i->exec_form && i->args.n == 0)
        return err_set(err, ERR_SYNTAX, "RUN: arguments are required");
    vec_foreach(f, &i->flags)
        TRY(check_run_flag(r, f, err));
    return 0;
}

/* Which of the rules above is for whom. r->at is left where an error was found. */
static int check_kind(Reading *r, Instr *i, Err *err)
{
    Healthcheck ignored = {0};

    switch ((int)i->kind) {
    case INSTR_FROM: return check_from(r, i, err);
    case INSTR_ARG:
    case INSTR_ENV:
    case INSTR_LABEL: return check_names(r, i, err);
    case INSTR_ADD:
    case INSTR_COPY: return check_destination(r, i, err);
    case INSTR_VOLUME: return check_volumes(r, i, err);
    case INSTR_SHELL: return check_shell(i, err);
    case INSTR_ONBUILD: return check_trigger(r, i, err);
    case INSTR_RUN: return check_run(r, i, err);
    case INSTR_HEALTHCHECK: return healthcheck_check(i, &ignored, err);
    default: return 0;
    }
}

int args_check(Reading *r, Instr *i, Err *err)
{
    r->at = (Str){0};
    TRY(check_count(i, err));
    return check_kind(r, i, err);
}
