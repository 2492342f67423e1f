/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each splitter finds where a word ends in the text and whether it reads the same there; only when something has to be
 * left out (a quote around a flag, an escape character at the very end) is the word copied.
 */
#include "dockerfile/words.h"

#include "dockerfile/text.h"

void words_plain(Arena *a, Str text, StrVec *ret)
{
    for (text = text_trim(text); text.n;) {
        Str word = text_first_word(text, &text);

        if (word.n)
            vec_push_in(a, ret, word);
    }
}

/* --- words with quotes --- */

typedef struct Cursor {
    Str rest;
    char escape;
    char quote; /* the one that is open, or '\0' */
} Cursor;

static bool next_is(const Cursor *c, char ch)
{
    return c->rest.n && c->rest.p[0] == ch;
}

static Str take_char(Cursor *c)
{
    Str ch = str_head(c->rest, text_char(c->rest));

    c->rest = str_skip(c->rest, ch.n);
    return ch;
}

static bool take_quote(Cursor *c)
{
    if (c->quote ? !next_is(c, c->quote) : !next_is(c, '\'') && !next_is(c, '"'))
        return false;
    c->quote = c->quote ? '\0' : c->rest.p[0];
    (void)take_char(c);
    return true;
}

static bool at_word_end(const Cursor *c)
{
    return c->rest.n == 0 || (!c->quote && text_space(c->rest));
}

/* One word, quotes and escapes kept; an escape character that nothing follows is left out. */
static Str take_quoted_word(Cursor *c)
{
    Str from = c->rest;
    size_t drop = 0;

    c->quote = '\0';
    while (!at_word_end(c)) {
        if (take_quote(c))
            continue;
        if (next_is(c, c->escape) && c->quote != '\'') {
            (void)take_char(c);
            drop = c->rest.n == 0;
        }
        (void)take_char(c);
    }
    return str_head(from, from.n - c->rest.n - drop);
}

void words_quoted(Arena *a, Str text, char escape, StrVec *ret)
{
    Cursor c = {.rest = text_trim_left(text), .escape = escape};

    while (c.rest.n) {
        Str word = take_quoted_word(&c);

        if (word.n)
            vec_push_in(a, ret, word);
        c.rest = text_trim_left(c.rest);
    }
}

/* --- flags --- */

/* One flag word; the escape character takes the next byte as it is, between quotes of either kind too. */
static FlagWord take_flag_word(Arena *a, Cursor *c)
{
    cleanup_buf Buf text = BUF_INIT(c->rest.n);
    Str from = c->rest, raw;

    c->quote = '\0';
    while (!at_word_end(c)) {
        if (take_quote(c))
            continue;
        if (next_is(c, c->escape)) {
            (void)take_char(c);
            if (c->rest.n == 0)
                break;
        }
        buf_add(&text, take_char(c));
    }
    raw = str_head(from, from.n - c->rest.n);
    return (FlagWord){raw, str_eq(raw, buf_str(&text)) ? raw : str_dup_in(a, buf_str(&text))};
}

Str words_flags(Arena *a, Str text, char escape, FlagWordVec *ret)
{
    Cursor c = {.rest = text_trim_left(text), .escape = escape};

    while (str_starts(c.rest, S("--"))) {
        FlagWord word = take_flag_word(a, &c);

        if (str_eq(word.text, S("--")))
            break;
        vec_push_in(a, ret, word);
        c.rest = text_trim_left(c.rest);
    }
    return text_trim(c.rest);
}
