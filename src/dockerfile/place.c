/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line shown is the physical one, found from a pointer into the text; a pointer into a joined line is led back
 * through the pieces it was joined from. What is shown is cut to a window around the caret and cleaned of control
 * characters: a Dockerfile from elsewhere must not drive the terminal it is complained about on.
 */
#include "dockerfile/place.h"

#include <stdio.h>

#include "dockerfile/text.h"

enum {
    WINDOW = 100, /* columns of source shown */
    BEFORE = 40,  /* of them in front of the caret, when the line is longer */
    TOO_FAR = 20, /* columns that a line may exceed the window by before it is cut */
};

static bool is_within(Str whole, Str part)
{
    uintptr_t from = (uintptr_t)whole.p, at = (uintptr_t)part.p;

    return part.p && whole.n && at >= from && at <= from + whole.n && part.n <= from + whole.n - at;
}

/* The same place in the source; {0} when it is not there. */
static Str in_source(const InstrSource *src, const LinePiece *pieces, size_t n, Str at)
{
    if (is_within(src->text, at))
        return at;
    for (size_t i = 0; i < n; i++) {
        Str head = {at.p, 0};

        if (is_within(pieces[i].text, head) && at.p < pieces[i].text.p + pieces[i].text.n) {
            size_t offset = (size_t)(at.p - pieces[i].text.p), room = pieces[i].text.n - offset;

            return (Str){pieces[i].src + offset, at.n < room ? at.n : room};
        }
    }
    return (Str){0};
}

static SourcePlace locate(Str text, Str at)
{
    SourcePlace p = {.number = 1};
    Str rest = text;
    const char *end;

    while ((end = memchr(rest.p, '\n', (size_t)(at.p - rest.p))) != NULL) {
        rest = str_skip(rest, (size_t)(end - rest.p) + 1);
        p.number++;
    }
    end = memchr(rest.p, '\n', rest.n);
    p.line = text_trim_newline(str_head(rest, end ? (size_t)(end - rest.p) : rest.n));
    p.offset = (size_t)(at.p - p.line.p);
    if (p.offset > p.line.n)
        p.offset = p.line.n;
    p.length = at.n < p.line.n - p.offset ? at.n : p.line.n - p.offset;
    return p;
}

static size_t count_columns(Str s)
{
    size_t n = 0;

    for (; s.n; n++)
        s = str_skip(s, text_char(s));
    return n;
}

bool place_find(const InstrSource *src, const LinePiece *pieces, size_t n, Str at, SourcePlace *ret)
{
    Str from = in_source(src, pieces, n, at);

    if (!from.p)
        return false;
    *ret = locate(src->text, from);
    return true;
}

unsigned place_column(const SourcePlace *p)
{
    return (unsigned)count_columns(str_head(p->line, p->offset)) + 1;
}

unsigned place_columns(const SourcePlace *p)
{
    size_t n = count_columns(str_head(str_skip(p->line, p->offset), p->length));

    return n ? (unsigned)n : 1;
}

/* --- the excerpt --- */

static bool is_control(Str ch)
{
    unsigned char c = (unsigned char)ch.p[0];

    if (ch.n == 1)
        return c < ' ' || c >= 0x7f; /* a stray byte is no better */
    return ch.n == 2 && c == 0xc2 && (unsigned char)ch.p[1] < 0xa0;
}

void place_add_visible(Buf *b, Str s, size_t columns)
{
    while (s.n && columns-- > 0) {
        Str ch = str_head(s, text_char(s));

        if (is_control(ch) && ch.p[0] != '\n')
            buf_add_char(b, ch.p[0] == '\t' ? ' ' : '?');
        else
            buf_add(b, ch);
        s = str_skip(s, ch.n);
    }
}

/* The part of the line that is shown when it is long; the caret's place within it is adjusted. */
static Str cut_window(SourcePlace *p)
{
    size_t before = count_columns(str_head(p->line, p->offset)), skip;
    Str s = p->line;

    if (count_columns(s) <= WINDOW + TOO_FAR || before <= BEFORE)
        return s;
    for (skip = before - BEFORE; skip > 0; skip--)
        s = str_skip(s, text_char(s));
    p->offset -= p->line.n - s.n;
    return s;
}

/* The bytes between the ':' and the '@' of an authority, which begins at 'from'. */
static void mask_password(char *line, size_t n, size_t from)
{
    size_t end = from, colon = n, at = n;

    while (end < n && !strchr(" \t\"'/?#", line[end]))
        end++;
    for (size_t i = from; i < end; i++) {
        if (line[i] == ':' && colon == n)
            colon = i;
        if (line[i] == '@')
            at = i;
    }
    if (colon < at && at < n)
        memset(line + colon + 1, 'x', at - colon - 1);
}

/* A copy, as long as the line, without the passwords of URLs: an excerpt goes to the log. */
static char *without_passwords(Str line)
{
    char *copy = str_dup(line);

    for (size_t i = 3; i < line.n; i++)
        if (memcmp(copy + i - 3, "://", 3) == 0)
            mask_password(copy, line.n, i);
    return copy;
}

void place_add_excerpt(Buf *b, const SourcePlace *at)
{
    SourcePlace p = *at;
    cleanup_free char *line = without_passwords(at->line);
    int margin = snprintf(NULL, 0, "%u", p.number);
    size_t columns, before, marks;
    bool cut_front, cut_back;
    Str shown;

    p.line.p = line;
    shown = cut_window(&p);
    cut_front = shown.n < p.line.n;
    cut_back = count_columns(shown) > WINDOW + TOO_FAR;
    columns = cut_back ? WINDOW : WINDOW + TOO_FAR;
    buf_addf(b, "\n  %u | %s", p.number, cut_front ? "..." : "");
    place_add_visible(b, shown, columns);
    before = count_columns(str_head(shown, p.offset));
    marks = count_columns(str_head(str_skip(shown, p.offset), p.length));
    if (before + marks > columns)
        marks = columns > before ? columns - before : 0;
    buf_addf(b, "%s\n  %*s | %*s^", cut_back ? "..." : "", margin, "",
             (int)before + (cut_front ? 3 : 0), "");
    for (size_t i = 1; i < marks; i++)
        buf_add_char(b, '~');
}
