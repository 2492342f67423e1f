/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A logical line is usually one physical line and then simply a part of the file. Where lines are continued, the parts
 * are copied together, and remembered as pieces so that a place in the joined line leads back to a place in the file.
 *
 *     RUN a \        "RUN a " ─┐
 *     # note           dropped │─ "RUN a   b"
 *       b              "  b"  ─┘
 */
#include "dockerfile/lex.h"

#include "base/limits.h"
#include "dockerfile/text.h"

Lexer lexer_start(Arena *a, Str text)
{
    if (str_starts(text, S("\xef\xbb\xbf"))) /* a byte order mark */
        text = str_skip(text, 3);
    return (Lexer){.arena = a, .text = text, .escape = '\\'};
}

/* The next physical line, its newline included. 0 at the end. */
static int read_line(Lexer *l, Str *ret, Err *err)
{
    const char *end;

    if (l->text.n == 0)
        return 0;
    end = memchr(l->text.p, '\n', l->text.n);
    *ret = str_head(l->text, end ? (size_t)(end - l->text.p) + 1 : l->text.n);
    l->text = str_skip(l->text, ret->n);
    l->line++;
    l->at = text_trim_newline(*ret);
    if (ret->n > LIMIT_DOCKERFILE_LINE)
        return err_set(err, ERR_LIMIT, "dockerfile line greater than max allowed size of %u",
                       LIMIT_DOCKERFILE_LINE);
    return 1;
}

static bool is_comment(Str line)
{
    line = text_trim_left(line);
    return line.n && line.p[0] == '#';
}

/* An empty comment separates: what stood above it does not describe the instruction. */
static void note_comment(Lexer *l, Str line)
{
    Str text = text_trim(str_skip(text_trim_left(line), 1));

    if (text.n == 0)
        l->comments.n = 0;
    else
        vec_push_in(l->arena, &l->comments, text);
}

static int take_directive(Lexer *l, Str line, Err *err)
{
    int found = directives_take(&l->directives, S("#"), line, err);

    TRY(found);
    if (found)
        TRY(directives_escape(&l->directives, &l->escape, err));
    return found;
}

/*
 * Remove an escape character at the end and the blanks behind it. A doubled one is no continuation, and so is a
 * tripled one: only the last two characters are looked at.
 */
static bool cut_continuation(const Lexer *l, Str *line)
{
    size_t n = line->n;

    while (n && (line->p[n - 1] == ' ' || line->p[n - 1] == '\t'))
        n--;
    if (n == 0 || line->p[n - 1] != l->escape || (n > 1 && line->p[n - 2] == l->escape))
        return false;
    line->n = n - 1;
    return true;
}

static void add_piece(Lexer *l, LogicalLine *ret, Str part)
{
    LinePiece piece = {part, part.p};

    if (part.n)
        vec_push_in(l->arena, &ret->pieces, piece);
}

/* One piece is used where it stands; several are copied together and told where they are now. */
static void join_pieces(Lexer *l, LogicalLine *ret)
{
    size_t n = 0;
    char *to;

    ret->text = ret->pieces.n ? ret->pieces.v[0].text : S("");
    if (ret->pieces.n < 2)
        return;
    vec_foreach(piece, &ret->pieces)
        n += piece->text.n;
    to = arena_new_n(l->arena, char, n + 1);
    ret->text = (Str){to, n};
    vec_foreach(piece, &ret->pieces) {
        memcpy(to, piece->text.p, piece->text.n);
        piece->text.p = to;
        to += piece->text.n;
    }
}

static int read_continuation(Lexer *l, LogicalLine *ret, Err *err)
{
    for (bool more = true; more;) {
        Str line;
        int rc = read_line(l, &line, err);

        TRY(rc);
        if (rc == 0)
            return 0; /* the end of the file ends the instruction too */
        line = text_trim_newline(line);
        if (is_comment(line))
            continue;
        if (text_trim_left(line).n == 0) {
            if (!ret->blank_line)
                ret->blank_line = l->line;
            continue;
        }
        more = cut_continuation(l, &line);
        add_piece(l, ret, line);
    }
    return 0;
}

/* 1 when 'line' begins an instruction, 0 when it is blank, a comment or a directive. */
static int begins_instruction(Lexer *l, Str line, Err *err)
{
    int directive = take_directive(l, line, err);

    TRY(directive);
    if (is_comment(line)) {
        if (!directive)
            note_comment(l, line);
        return 0;
    }
    return line.n > 0;
}

int lexer_next(Lexer *l, LogicalLine *ret, Err *err)
{
    Str line;
    int rc;

    while ((rc = read_line(l, &line, err)) > 0) {
        line = text_trim_left(text_trim_newline(line));
        rc = begins_instruction(l, line, err);
        TRY(rc);
        if (rc == 0)
            continue;
        *ret = (LogicalLine){.line = l->line, .comments = l->comments};
        l->comments = (StrVec){0};
        rc = cut_continuation(l, &line);
        add_piece(l, ret, line);
        if (rc)
            TRY(read_continuation(l, ret, err));
        join_pieces(l, ret);
        return 1;
    }
    return rc;
}

/* --- heredoc bodies --- */

static Str skip_tabs(Str s)
{
    while (s.n && s.p[0] == '\t')
        s = str_skip(s, 1);
    return s;
}

/* Every line of 'body' without its leading tabs; the body itself when it has none. */
static Str strip_tabs(Arena *a, Str body)
{
    char *to = arena_new_n(a, char, body.n + 1);
    size_t n = 0;

    for (Str rest = body; rest.n;) {
        const char *end = memchr(rest.p, '\n', rest.n);
        Str line = str_head(rest, end ? (size_t)(end - rest.p) + 1 : rest.n);

        rest = str_skip(rest, line.n);
        line = skip_tabs(line);
        memcpy(to + n, line.p, line.n);
        n += line.n;
    }
    return (Str){to, n};
}

int lexer_read_heredoc(Lexer *l, Heredoc *h, Err *err)
{
    Str line, at = l->at;
    const char *begin = l->text.p;
    int rc;

    while ((rc = read_line(l, &line, err)) > 0) {
        Str end = text_trim_newline(line);

        if (!str_eq(h->strip_tabs ? skip_tabs(end) : end, h->name))
            continue;
        h->raw = (Str){begin, (size_t)(line.p - begin)};
        h->body = h->strip_tabs ? strip_tabs(l->arena, h->raw) : h->raw;
        return 0;
    }
    TRY(rc);
    l->at = at;
    return err_set(err, ERR_SYNTAX, "unterminated heredoc");
}
