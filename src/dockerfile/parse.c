/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lexer -> line -> keyword, flags, rest -> the form's reader -> checks, one instruction after the other. Every function
 * below that fails leaves in Parser.at what the error is about; the two public functions turn that into a message with
 * the source line.
 */
#include "dockerfile/parse.h"

#include "base/limits.h"
#include "dockerfile/error.h"
#include "dockerfile/form.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/lex.h"
#include "dockerfile/text.h"

typedef struct Parser {
    Arena *arena;
    InstrSource *source;
    Lexer lexer;
    const LogicalLine *line; /* being read, or NULL between lines */
    VEC(Instr) instrs;
} Parser;

static int fail_at(const Parser *p, Str at, Err *err)
{
    unsigned line = p->line ? p->line->line : p->lexer.line;

    return error_show(p->source, p->line ? p->line->pieces.v : NULL,
                      p->line ? p->line->pieces.n : 0, at, line, err);
}

/* --- one instruction --- */

static int check_line(const Parser *p, Str text, Err *err)
{
    const char *nul = memchr(text.p, '\0', text.n);

    if (p->instrs.n == DOCKERFILE_MAX_INSTRUCTIONS) {
        (void)err_set(err, ERR_LIMIT, "more than %d instructions", DOCKERFILE_MAX_INSTRUCTIONS);
        return fail_at(p, text, err);
    }
    if (nul) {
        (void)err_set(err, ERR_SYNTAX, "NUL character in an instruction; is this UTF-16 text?");
        return fail_at(p, (Str){nul, 1}, err);
    }
    if (text.n == 0) {
        (void)err_set(err, ERR_SYNTAX, "line continuation without an instruction");
        return fail_at(p, S(""), err);
    }
    return 0;
}

static int read_heredocs(Parser *p, const Reading *r, Instr *i, Err *err)
{
    if (!form_takes_heredocs(r, i))
        return 0;
    if (heredoc_find_all(p->arena, i->original, i, err) < 0)
        return fail_at(p, i->keyword, err);
    vec_foreach(h, &i->heredocs) {
        bool unterminated;

        if (lexer_read_heredoc(&p->lexer, h, err) == 0)
            continue;
        unterminated = err->kind == ERR_SYNTAX;
        return fail_at(p, unterminated ? i->keyword : p->lexer.at, err);
    }
    return 0;
}

/* The trigger's text is replayed as it stands, its heredocs behind it. */
static void finish_trigger(Parser *p, Instr *i)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERFILE * 2);

    if (i->kind != INSTR_ONBUILD || i->args.n == 0 || i->heredocs.n == 0)
        return;
    buf_add(&text, i->args.v[0]);
    vec_foreach(h, &i->heredocs) {
        buf_add_char(&text, '\n');
        buf_add(&text, h->raw);
        buf_add(&text, h->name);
    }
    i->args.v[0] = str_dup_in(p->arena, buf_str(&text));
}

static int read_instr(Parser *p, Instr *i, Err *err)
{
    Reading r = {.arena = p->arena, .escape = p->lexer.escape};
    FlagWordVec flags = {0};

    i->keyword = text_first_word(i->original, &i->rest);
    if (!instr_find(i->keyword, &i->kind)) {
        (void)err_set(err, ERR_SYNTAX, "unknown instruction: " STR_FMT STR_FMT,
                      STR_ARG(text_clip(p->arena, i->keyword)),
                      STR_ARG(instr_suggest(p->arena, i->keyword)));
        return fail_at(p, i->keyword, err);
    }
    i->rest = words_flags(p->arena, i->rest, r.escape, &flags);
    if (form_read(&r, i, err) < 0)
        return fail_at(p, r.at.p ? r.at : i->keyword, err);
    TRY(read_heredocs(p, &r, i, err));
    if (flags_check(&r, i, &flags, err) < 0 || args_check(&r, i, err) < 0)
        return fail_at(p, r.at.n ? r.at : i->keyword, err);
    finish_trigger(p, i);
    return 0;
}

static int add_instr(Parser *p, const LogicalLine *line, Err *err)
{
    Instr i = {.source = p->source,
               .health_type = S(""),
               .original = text_trim(line->text),
               .line = line->line,
               .blank_line = line->blank_line,
               .comments = line->comments,
               .pieces = line->pieces};

    p->source->escape = p->lexer.escape;
    TRY(check_line(p, i.original, err));
    TRY(read_instr(p, &i, err));
    i.line_end = p->lexer.line;
    vec_push_in(p->arena, &p->instrs, i);
    return 0;
}

static int read_all(Parser *p, Err *err)
{
    LogicalLine line;
    int rc;

    while ((rc = lexer_next(&p->lexer, &line, err)) > 0) {
        p->line = &line;
        rc = add_instr(p, &line, err);
        p->line = NULL;
        TRY(rc);
    }
    return rc < 0 ? fail_at(p, p->lexer.at, err) : 0;
}

static Parser parser_start(Arena *a, Str name, Str text)
{
    Parser p = {.arena = a, .source = arena_new(a, InstrSource)};

    p.source->name = str_dup_in(a, name);
    p.source->text = str_dup_in(a, text);
    p.source->escape = '\\';
    p.lexer = lexer_start(a, p.source->text);
    return p;
}

/* --- a Dockerfile --- */

static int fail_whole(const Parser *p, const char *why, Err *err)
{
    (void)err_set(err, ERR_SYNTAX, "%s", why);
    return error_show(p->source, NULL, 0, (Str){0}, 0, err);
}

static int check_size(const Parser *p, Err *err)
{
    if (p->source->text.n == 0)
        return fail_whole(p, "the Dockerfile cannot be empty", err);
    if (p->source->text.n <= LIMIT_DOCKERFILE)
        return 0;
    (void)err_set(err, ERR_LIMIT, "the Dockerfile is larger than %zu bytes", LIMIT_DOCKERFILE);
    return error_show(p->source, NULL, 0, (Str){0}, 0, err);
}

/* A file for another front end altogether would only fail at its first line, for a reason that is none. */
static int check_syntax(const Parser *p, Str *ret, Err *err)
{
    bool foreign;

    *ret = directives_detect_syntax(p->source->text, &foreign);
    if (ret->n == 0 || !foreign)
        return 0;
    (void)err_set(err, ERR_UNSUPPORTED,
                  "this is no Dockerfile but input of the front end " STR_FMT
                  ", and front ends cannot be loaded",
                  STR_ARG(text_quote(p->arena, *ret)));
    return error_show(p->source, NULL, 0, *ret, 0, err);
}

/* Instructions other than ARG belong to a stage. */
static int check_stages(const Parser *p, Err *err)
{
    vec_foreach(i, &p->instrs) {
        if (i->kind == INSTR_FROM)
            return 0;
        if (i->kind == INSTR_ARG)
            continue;
        (void)err_set(err, ERR_SYNTAX, "no build stage in current context");
        return error_show(p->source, i->pieces.v, i->pieces.n, i->keyword, i->line, err);
    }
    return fail_whole(p, "dockerfile contains no stages to build", err);
}

static Str directive(const Parser *p, DirectiveKey key)
{
    Str value = p->lexer.directives.value[key];

    return value.p ? value : S("");
}

static void fill(const Parser *p, Str syntax, Dockerfile *d)
{
    d->name = p->source->name;
    d->text = p->source->text;
    d->escape = p->lexer.escape;
    d->syntax = syntax;
    d->check = directive(p, DIRECTIVE_CHECK);
    vec_foreach(i, &p->instrs)
        vec_push_in(p->arena, &d->instrs, *i);
}

int dockerfile_parse(Str name, Str text, Dockerfile *ret, Err *err)
{
    cleanup_dockerfile Dockerfile d = {0};
    Parser p = parser_start(&d.arena, name, text);
    Str syntax;

    TRY(check_size(&p, err));
    TRY(check_syntax(&p, &syntax, err));
    TRY(read_all(&p, err));
    if (p.instrs.n == 0)
        return fail_whole(&p, "file with no instructions", err);
    TRY(check_stages(&p, err));
    fill(&p, syntax, &d);
    *ret = d;
    d = (Dockerfile){0};
    return 0;
}

void dockerfile_done(Dockerfile *d)
{
    arena_done(&d->arena);
    *d = (Dockerfile){0};
}

/* --- a trigger --- */

static int check_trigger(const Parser *p, Err *err)
{
    const Instr *i = p->instrs.v;

    if (p->instrs.n != 1)
        return fail_whole(p, "onbuild trigger should be a single expression", err);
    if (i->kind != INSTR_FROM && i->kind != INSTR_ONBUILD)
        return 0;
    (void)err_set(err, ERR_SYNTAX, "%s isn't allowed as an ONBUILD trigger", instr_name(i->kind));
    return error_show(p->source, i->pieces.v, i->pieces.n, i->keyword, i->line, err);
}

int dockerfile_parse_trigger(Str name, Str text, Dockerfile *ret, Err *err)
{
    Parser p;

    if (text.n > LIMIT_DOCKERFILE)
        return err_set(err, ERR_LIMIT, STR_FMT ": the trigger is larger than %zu bytes",
                       STR_ARG(name), LIMIT_DOCKERFILE);
    p = parser_start(&ret->arena, name, text);
    TRY(read_all(&p, err));
    TRY(check_trigger(&p, err));
    if (!ret->name.p)
        fill(&p, S(""), ret);
    else
        vec_push_in(&ret->arena, &ret->instrs, p.instrs.v[0]);
    return 0;
}

/* --- syntax directives --- */

bool dockerfile_syntax_is_known(Str syntax)
{
    Str rest, image = text_first_word(text_trim(syntax), &rest), head, tail;

    if (image.n == 0 || str_eq(image, S("dockerfile.v0")))
        return true;
    if (str_cut(image, '@', &head, &tail))
        image = head;
    if (str_cut_last(image, '/', &head, &tail) && str_starts(tail, S("dockerfile")))
        return str_eq(head, S("docker")) || str_ends(head, S("/docker"));
    return false;
}
