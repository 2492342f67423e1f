/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a form. None of them complains about missing arguments: that is args_check(), so that an ONBUILD trigger
 * can be read for its form without being judged before it fires.
 */
#include "dockerfile/form.h"

#include "dockerfile/heredoc.h"
#include "dockerfile/jsonlist.h"
#include "dockerfile/text.h"

static void add_arg(const Reading *r, Instr *i, Str arg)
{
    vec_push_in(r->arena, &i->args, arg);
}

/* 1 when 'text' is the exec form, which then is in i->args. */
static int read_json(Reading *r, Instr *i, Str text, Err *err)
{
    JsonList kind = json_list_parse(r->arena, text, &i->args);

    r->at = text;
    if (kind == JSON_LIST_MIXED)
        return err_set(err, ERR_SYNTAX,
                       "when using JSON array syntax, arrays must be comprised of strings only");
    vec_foreach(arg, &i->args)
        if (memchr(arg->p, '\0', arg->n))
            return err_set(err, ERR_SYNTAX, "an argument cannot hold a NUL character");
    r->at = (Str){0};
    i->exec_form = kind == JSON_LIST_STRINGS;
    return i->exec_form;
}

static int read_command(Reading *r, Instr *i, Str text, Err *err)
{
    int json = read_json(r, i, text, err);

    TRY(json);
    if (!json)
        add_arg(r, i, text);
    return 0;
}

static int read_paths(Reading *r, Instr *i, Err *err)
{
    int json = read_json(r, i, i->rest, err);

    TRY(json);
    if (json)
        return 0;
    words_plain(r->arena, i->rest, &i->args);
    if (instr_spec(i->kind)->heredocs)
        heredoc_join_words(&i->args);
    return 0;
}

static bool read_pair(Str word, Word *ret)
{
    ret->has_value = str_cut(word, '=', &ret->name, &ret->value);
    if (!ret->has_value) {
        ret->name = word;
        ret->value = S("");
    }
    return ret->has_value;
}

/* KEY and all the rest as its value: the form from before there was a '='. */
static int read_legacy_pair(Reading *r, Instr *i, Err *err)
{
    Word pair = {.has_value = true};

    pair.name = text_first_word(i->rest, &pair.value);
    if (pair.name.n == i->rest.n)
        return err_set(err, ERR_SYNTAX, "%s must have two arguments", instr_name(i->kind));
    i->legacy_pair = true;
    vec_push_in(r->arena, &i->pairs, pair);
    return 0;
}

static int read_pairs(Reading *r, Instr *i, Err *err)
{
    StrVec words = {0};
    Word pair;

    words_quoted(r->arena, i->rest, r->escape, &words);
    if (words.n && !read_pair(words.v[0], &pair))
        return read_legacy_pair(r, i, err);
    vec_foreach(word, &words) {
        r->at = *word;
        if (!read_pair(*word, &pair))
            return err_set(err, ERR_SYNTAX,
                           "Syntax error - can't find = in " STR_FMT
                           ". Must be of the form: name=value",
                           STR_ARG(text_quote(r->arena, *word)));
        vec_push_in(r->arena, &i->pairs, pair);
    }
    r->at = (Str){0};
    return 0;
}

static void read_names(const Reading *r, Instr *i)
{
    StrVec words = {0};

    words_quoted(r->arena, i->rest, r->escape, &words);
    vec_foreach(word, &words) {
        Word pair;

        (void)read_pair(*word, &pair);
        vec_push_in(r->arena, &i->pairs, pair);
    }
}

static int read_health(Reading *r, Instr *i, Err *err)
{
    Str type, command;
    char *upper;

    if (i->rest.n == 0)
        return 0;
    type = text_first_word(i->rest, &command);
    upper = arena_new_n(r->arena, char, type.n + 1);
    for (size_t n = 0; n < type.n; n++)
        upper[n] = (char)(type.p[n] >= 'a' && type.p[n] <= 'z' ? type.p[n] - 32 : type.p[n]);
    i->health_type = (Str){upper, type.n};
    return command.n ? read_command(r, i, command, err) : 0;
}

/* The trigger's instruction as far as its form goes; 0 when there is no such instruction. */
static int read_inner(Reading *r, Str text, Instr *ret, Err *err)
{
    FlagWordVec flags = {0};

    *ret = (Instr){.original = text};
    ret->keyword = text_first_word(text, &ret->rest);
    if (!instr_find(ret->keyword, &ret->kind))
        return 0;
    if (ret->kind == INSTR_ONBUILD)
        return 1; /* refused by its name alone */
    ret->rest = words_flags(r->arena, ret->rest, r->escape, &flags);
    TRY(form_read(r, ret, err));
    return 1;
}

/* Only what the form itself forbids is found now; an image may be built to hold a trigger that never fires. */
static int read_trigger(Reading *r, Instr *i, Err *err)
{
    Instr inner;
    Str text;

    (void)text_first_word(i->original, &text);
    if (i->rest.n == 0)
        return 0;
    add_arg(r, i, text);
    return read_inner(r, i->rest, &inner, err) < 0 ? -1 : 0;
}

int form_read(Reading *r, Instr *i, Err *err)
{
    switch (instr_spec(i->kind)->form) {
    case FORM_COMMAND: return read_command(r, i, i->rest, err);
    case FORM_PATHS: return read_paths(r, i, err);
    case FORM_WORDS: words_plain(r->arena, i->rest, &i->args); return 0;
    case FORM_STRING:
        if (i->rest.n)
            add_arg(r, i, i->rest);
        return 0;
    case FORM_PAIRS: return read_pairs(r, i, err);
    case FORM_NAMES: read_names(r, i); return 0;
    case FORM_TRIGGER: return read_trigger(r, i, err);
    case FORM_HEALTH: return read_health(r, i, err);
    }
    return 0;
}

bool form_takes_heredocs(const Reading *r, const Instr *i)
{
    Reading again = *r;
    Instr inner;
    Err ignored;

    if (i->kind != INSTR_ONBUILD)
        return instr_spec(i->kind)->heredocs && !i->exec_form;
    return read_inner(&again, i->rest, &inner, &ignored) > 0 && inner.kind != INSTR_ONBUILD &&
           instr_spec(inner.kind)->heredocs && !inner.exec_form;
}
