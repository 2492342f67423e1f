/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heredoc is a shell word of the form [FD]<<[-]NAME. The line is split as a shell would split it, but with quotes,
 * escapes and variables left as they are; then the name is unquoted on its own, and whether that took quotes away
 * decides if the body is expanded. The escape character is always the backslash here.
 */
#include "dockerfile/heredoc.h"

#include "base/limits.h"
#include "dockerfile/scan.h"
#include "dockerfile/text.h"

static const Expander shell = {.escape = '\\'};

/* The words of 'text' as a shell sees them, raw or unquoted; unset variables stay. */
static int split(Arena *a, Str text, bool raw_quotes, bool raw_escapes, StrVec *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION + text.n);
    WordSplit words = {.arena = a,
                       .ret = ret,
                       .word = BUF_INIT(LIMIT_EXPANSION + text.n),
                       .in_arena = true};
    Scan s = {.x = &shell,
              .rest = text,
              .raw_quotes = raw_quotes,
              .raw_escapes = raw_escapes,
              .keep_unset = true,
              .heredocs = true};
    int rc = scan_word(&s, &out, &words, err);

    buf_done(&words.word);
    return rc;
}

/* ^(\d*)<<(-?)\s*([^<]*)$ */
static bool match_marker(Str word, Heredoc *ret, Str *ret_name)
{
    size_t n = 0;
    Str rest;

    while (n < word.n && word.p[n] >= '0' && word.p[n] <= '9')
        n++;
    rest = str_skip(word, n);
    if (!str_starts(rest, S("<<")))
        return false;
    rest = str_skip(rest, 2);
    ret->fd = str_head(word, n);
    ret->strip_tabs = str_starts(rest, S("-"));
    *ret_name = text_trim_left(str_skip(rest, ret->strip_tabs));
    return ret_name->n && !memchr(ret_name->p, '<', ret_name->n);
}

static size_t count_quotes(Str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\'' || s.p[i] == '"';
    return n;
}

int heredoc_parse(Arena *a, Str word, Heredoc *ret, Err *err)
{
    StrVec words = {0}, raw = {0};
    Heredoc h = {0};
    Str name;

    if (!match_marker(word, &h, &name))
        return 0;
    TRY(split(a, name, false, false, &words, err));
    if (words.n != 1)
        return 0;
    TRY(split(a, name, true, false, &raw, err));
    if (raw.n != 1)
        return 0;
    h.name = words.v[0];
    h.expand = count_quotes(h.name) == count_quotes(raw.v[0]);
    *ret = h;
    return 1;
}

int heredoc_find_all(Arena *a, Str line, Instr *i, Err *err)
{
    StrVec words = {0};
    Err ignored;

    if (!str_contains(line, S("<<")) || split(a, line, true, true, &words, &ignored) < 0)
        return 0;
    vec_foreach(word, &words) {
        Heredoc h;
        int rc = heredoc_parse(a, *word, &h, err);

        TRY(rc);
        if (rc && i->heredocs.n == HEREDOCS_MAX)
            return err_set(err, ERR_LIMIT, "more than %d heredocs", HEREDOCS_MAX);
        if (rc)
            vec_push_in(a, &i->heredocs, h);
    }
    return 0;
}

/* "<<", perhaps behind digits, and nothing else. */
static bool is_bare_marker(Str word)
{
    if (!str_ends(word, S("<<")))
        return false;
    for (size_t i = 0; i + 2 < word.n; i++)
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
    return true;
}

void heredoc_join_words(StrVec *words)
{
    size_t to = 0;

    for (size_t from = 0; from < words->n; from++) {
        Str word = words->v[from];

        if (is_bare_marker(word) && from + 1 < words->n) {
            Str next = words->v[++from];

            word.n = (size_t)(next.p + next.n - word.p);
        }
        words->v[to++] = word;
    }
    words->n = to;
}

const Heredoc *instr_heredoc(const Instr *i, Str word)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Heredoc *found = NULL;
    Heredoc h;
    Err ignored;

    if (i->exec_form || heredoc_parse(&a, word, &h, &ignored) <= 0)
        return NULL;
    vec_foreach(doc, &i->heredocs)
        if (str_eq(doc->name, h.name))
            found = doc; /* of two with one name the later body counts, for both */
    return found;
}
