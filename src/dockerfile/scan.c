/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One character decides who reads on: a quote, '$', the escape character, or nobody. The operand of ${v-...} is a word
 * of its own that stops at '}', and so on downwards; every level appends to a buffer of its own. The quirks are those of
 * the language's first implementation: an escape that stays ("raw") is one that the pattern compiler interprets.
 */
#include "dockerfile/scan.h"

#include "dockerfile/pattern.h"
#include "dockerfile/text.h"

enum {
    DEPTH_MAX = 100, /* of ${a:-${b:-...}} */
    NO_STOP = -1,
};

static int scan_until(Scan *s, int stop, bool raw_escapes, Buf *out, WordSplit *split, Err *err)
    must_check;

static bool at_end(const Scan *s)
{
    return s->rest.n == 0;
}

static bool next_is(const Scan *s, char c)
{
    return s->rest.n && s->rest.p[0] == c;
}

static Str take_char(Scan *s)
{
    Str ch = str_head(s->rest, text_char(s->rest));

    s->rest = str_skip(s->rest, ch.n);
    return ch;
}

/* --- words --- */

static void end_word(WordSplit *w)
{
    Str word;

    if (w->word.n == 0)
        return;
    word = str_dup_in(w->arena, buf_str(&w->word));
    if (w->in_arena)
        vec_push_in(w->arena, w->ret, word);
    else
        vec_push(w->ret, word);
    buf_truncate(&w->word, 0);
}

static void add_to_word(WordSplit *w, Str raw)
{
    if (w)
        buf_add(&w->word, raw);
}

static void add_and_split(WordSplit *w, Str text)
{
    while (w && text.n) {
        Str ch = str_head(text, text_char(text));

        if (text_space(ch))
            end_word(w);
        else
            buf_add(&w->word, ch);
        text = str_skip(text, ch.n);
    }
}

/* --- variables --- */

static bool look_up(const Scan *s, Str name, Str *ret)
{
    *ret = S("");
    return s->x->lookup && s->x->lookup(s->x->ctx, name, ret);
}

/* A name, a number, or one special character; "" when it is none of these. */
static Str take_name(Scan *s)
{
    Str from = s->rest, ch = str_head(from, text_char(from));

    if (text_is_digit(ch)) {
        while (!at_end(s) && text_is_digit(str_head(s->rest, text_char(s->rest))))
            (void)take_char(s);
    } else if (ch.n == 1 && ch.p[0] && strchr("@*#?-$!", ch.p[0])) {
        (void)take_char(s);
    } else {
        for (; !at_end(s); (void)take_char(s)) {
            ch = str_head(s->rest, text_char(s->rest));
            if (!text_is_letter(ch) && !text_is_digit(ch))
                break;
        }
    }
    return str_head(from, from.n - s->rest.n);
}

/* $NAME or ${NAME}: 'open' and 'close' are what to put around an unset name that is kept. */
static void add_variable(Scan *s, Str name, const char *open, const char *close, Buf *out)
{
    Str value;

    if (look_up(s, name, &value)) {
        buf_add(out, value);
        return;
    }
    if (s->x->unset)
        vec_push(s->x->unset, name);
    if (s->keep_unset)
        buf_addf(out, "%s" STR_FMT "%s", open, STR_ARG(name), close);
}

static int bad_modifier(Str modifier, Err *err)
{
    return err_set(err, ERR_SYNTAX, "unsupported modifier (" STR_FMT ") in substitution",
                   STR_ARG(modifier));
}

/* The operand up to 'stop'. Whatever went wrong there: when the word is used up, the end of it is what is missing. */
static int scan_operand(Scan *s, char stop, bool raw_escapes, const char *missing, Buf *out,
                        Err *err)
{
    int rc = scan_until(s, stop, raw_escapes, out, NULL, err);

    if (rc < 0 && err->kind == ERR_SYNTAX && at_end(s))
        return err_set(err, ERR_SYNTAX, "syntax error: missing %s", missing);
    TRY(rc);
    return buf_check(out, "an expanded word", err);
}

static int demand(Str name, bool set, Str message, Err *err)
{
    if (message.n)
        return err_set(err, ERR_SYNTAX, STR_FMT ": " STR_FMT, STR_ARG(name), STR_ARG(message));
    return err_set(err, ERR_SYNTAX, STR_FMT ": is not allowed to be %s", STR_ARG(name),
                   set ? "empty" : "unset");
}

static int trim_value(const Scan *s, Str operand, char op, Str value, Buf *out, Err *err)
{
    bool longest = operand.n && operand.p[0] == op;
    Str left;

    TRY(pattern_trim(longest ? str_skip(operand, 1) : operand, value, op == '%', longest,
                     s->x->work, &left, err));
    buf_add(out, left);
    return 0;
}

/* ${v-w} and its kin, with modifier "-", ":-" and so on. */
static int scan_operator(Scan *s, Str name, Str modifier, Buf *out, Err *err)
{
    cleanup_buf Buf operand = BUF_INIT(out->max);
    bool colon = modifier.n > 1, set, usable;
    char op = modifier.p[modifier.n - 1];
    bool trims = op == '#' || op == '%';
    Str value;

    if (colon && trims)
        return bad_modifier(modifier, err);
    TRY(scan_operand(s, '}', trims, "'}'", &operand, err));
    set = look_up(s, name, &value);
    if (!set && s->keep_unset) {
        buf_addf(out, "${" STR_FMT STR_FMT STR_FMT "}", STR_ARG(name), STR_ARG(modifier),
                 STR_ARG(buf_str(&operand)));
        return 0;
    }
    usable = set && !(colon && value.n == 0);
    switch (op) {
    case '-': buf_add(out, usable ? value : buf_str(&operand)); return 0;
    case '+': buf_add(out, usable ? buf_str(&operand) : S("")); return 0;
    case '?':
        if (!usable)
            return demand(name, set, buf_str(&operand), err);
        buf_add(out, value);
        return 0;
    case '#':
    case '%': return trim_value(s, buf_str(&operand), op, value, out, err);
    default: return bad_modifier(modifier, err);
    }
}

/* ${v/p/r} and ${v//p/r}, after the first slash. */
static int scan_replace(Scan *s, Str name, Buf *out, Err *err)
{
    cleanup_buf Buf pattern = BUF_INIT(out->max), with = BUF_INIT(out->max);
    bool all = next_is(s, '/');
    Str value;

    if (all)
        (void)take_char(s);
    TRY(scan_operand(s, '/', true, "'/' in ${}", &pattern, err));
    TRY(scan_operand(s, '}', true, "'}'", &with, err));
    if (!look_up(s, name, &value) && s->keep_unset) {
        buf_addf(out, "${" STR_FMT "/" STR_FMT "/" STR_FMT "}", STR_ARG(name),
                 STR_ARG(buf_str(&pattern)), STR_ARG(buf_str(&with)));
        return 0;
    }
    return pattern_replace(buf_str(&pattern), value, buf_str(&with), all, s->x->work, out, err);
}

/* After "${". */
static int scan_braces(Scan *s, Buf *out, Err *err)
{
    Str name, modifier;

    if (at_end(s))
        return err_set(err, ERR_SYNTAX, "syntax error: missing '}'");
    if (next_is(s, '{') || next_is(s, '}') || next_is(s, ':'))
        return err_set(err, ERR_SYNTAX, "syntax error: bad substitution");
    name = take_name(s);
    if (at_end(s))
        return err_set(err, ERR_SYNTAX, "syntax error: missing '}'");
    modifier = take_char(s);
    if (str_eq(modifier, S("}"))) {
        add_variable(s, name, "${", "}", out);
        return 0;
    }
    if (str_eq(modifier, S("/")))
        return scan_replace(s, name, out, err);
    if (str_eq(modifier, S(":")))
        modifier.n += take_char(s).n;
    else if (modifier.n != 1 || !strchr("+-?#%", modifier.p[0]))
        return bad_modifier(modifier, err);
    return scan_operator(s, name, modifier, out, err);
}

/* After "$". */
static int scan_dollar(Scan *s, Buf *out, Err *err)
{
    Str name;
    int rc;

    if (next_is(s, '{')) {
        (void)take_char(s);
        if (s->depth == DEPTH_MAX)
            return err_set(err, ERR_LIMIT, "substitutions are nested deeper than %d", DEPTH_MAX);
        s->depth++;
        rc = scan_braces(s, out, err);
        s->depth--;
        return rc;
    }
    name = take_name(s);
    if (name.n)
        add_variable(s, name, "$", "", out);
    else
        buf_add_char(out, '$');
    return 0;
}

/* --- quotes --- */

static int scan_single_quote(Scan *s, Buf *out, Err *err)
{
    Str inside, rest;

    if (!str_cut(s->rest, '\'', &inside, &rest)) {
        s->rest = str_skip(s->rest, s->rest.n);
        return err_set(err, ERR_SYNTAX,
                       "unexpected end of statement while looking for matching single-quote");
    }
    if (s->raw_quotes) /* the slice may as well hold its quotes */
        inside = (Str){inside.p - 1, inside.n + 2};
    s->rest = rest;
    buf_add(out, inside);
    return 0;
}

/* One character, or an escape character and what it escapes, between double quotes. */
static void scan_quoted_char(Scan *s, Buf *out)
{
    Str ch = take_char(s);

    if (!str_eq(ch, (Str){&s->x->escape, 1})) {
        buf_add(out, ch);
        return;
    }
    if (s->raw_escapes)
        buf_add(out, ch);
    if (at_end(s))
        return;
    if (next_is(s, '"') || next_is(s, '$') || next_is(s, s->x->escape))
        ch = take_char(s);
    buf_add(out, ch);
}

static int scan_double_quote(Scan *s, Buf *out, Err *err)
{
    if (s->raw_quotes)
        buf_add_char(out, '"');
    while (!at_end(s)) {
        if (next_is(s, '"')) {
            (void)take_char(s);
            if (s->raw_quotes)
                buf_add_char(out, '"');
            return 0;
        }
        if (next_is(s, '$')) {
            (void)take_char(s);
            TRY(scan_dollar(s, out, err));
        } else {
            scan_quoted_char(s, out);
        }
    }
    return err_set(err, ERR_SYNTAX,
                   "unexpected end of statement while looking for matching double-quote");
}

/* --- words --- */

/* An escape character outside of double quotes: what follows is ordinary. */
static void scan_escape(Scan *s, Str escape, Buf *out, WordSplit *split)
{
    Str ch;

    if (s->raw_escapes) {
        buf_add(out, escape);
        add_to_word(split, escape);
    }
    if (at_end(s))
        return;
    ch = take_char(s);
    buf_add(out, ch);
    add_to_word(split, ch);
}

/* "<<" and the blanks behind it hold together with what follows. */
static void scan_less(Scan *s, Str from, Buf *out, WordSplit *split)
{
    if (next_is(s, '<')) {
        (void)take_char(s);
        s->rest = text_trim_left(s->rest);
    }
    from.n -= s->rest.n;
    buf_add(out, from);
    add_to_word(split, from);
}

static int scan_next(Scan *s, Buf *out, WordSplit *split, Err *err)
{
    Str from = s->rest, ch = take_char(s);
    size_t before = out->n;
    char c = ch.n == 1 ? ch.p[0] : '\0';

    if (c == '$') {
        TRY(scan_dollar(s, out, err));
        add_and_split(split, str_skip(buf_str(out), before));
    } else if ((c == '\'' || c == '"') && !s->x->keep_quotes) {
        TRY(c == '"' ? scan_double_quote(s, out, err) : scan_single_quote(s, out, err));
        add_to_word(split, str_skip(buf_str(out), before));
    } else if (c && c == s->x->escape) {
        scan_escape(s, ch, out, split);
    } else if (c == '<' && s->heredocs) {
        scan_less(s, from, out, split);
    } else {
        buf_add(out, ch);
        add_and_split(split, ch);
    }
    return 0;
}

static int scan_until(Scan *s, int stop, bool raw_escapes, Buf *out, WordSplit *split, Err *err)
{
    bool outer = s->raw_escapes;
    int rc = 0;

    s->raw_escapes = raw_escapes;
    while (rc == 0 && !at_end(s) && !(stop != NO_STOP && next_is(s, (char)stop)))
        rc = scan_next(s, out, split, err);
    s->raw_escapes = outer;
    TRY(rc);
    if (stop == NO_STOP)
        return 0;
    if (at_end(s))
        return err_set(err, ERR_SYNTAX, "unexpected end of statement while looking for matching %c",
                       stop);
    (void)take_char(s);
    return 0;
}

int scan_word(Scan *s, Buf *out, WordSplit *split, Err *err)
{
    TRY(scan_until(s, NO_STOP, s->raw_escapes, out, split, err));
    if (split)
        end_word(split);
    return buf_check(out, "an expanded word", err);
}
