/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instruction as one readable line, for tables of "text -> what was understood":
 *
 *     COPY --chown=1 [a] [b c]          RUN exec [ls] [-l]          ENV legacy (A=b c)
 *     HEALTHCHECK type=CMD [true]       RUN [cat <<EOF] <<EOF{body\n}   (<<'EOF for one that is not expanded)
 */
#pragma once

#include "base/buf.h"
#include "dockerfile/parse.h"
#include "test.h"

static void dump_instr(const Instr *i, Buf *out)
{
    buf_add_z(out, instr_name(i->kind));
    vec_foreach(f, &i->flags)
        buf_addf(out, f->has_value ? " --" STR_FMT "=" STR_FMT : " --" STR_FMT "%.*s",
                 STR_ARG(f->name), STR_ARG(f->value));
    if (i->exec_form)
        buf_add_z(out, " exec");
    if (i->legacy_pair)
        buf_add_z(out, " legacy");
    if (i->health_type.n)
        buf_addf(out, " type=" STR_FMT, STR_ARG(i->health_type));
    vec_foreach(a, &i->args)
        buf_addf(out, " [" STR_FMT "]", STR_ARG(*a));
    vec_foreach(w, &i->pairs)
        buf_addf(out, w->has_value ? " (" STR_FMT "=" STR_FMT ")" : " (" STR_FMT "%.*s)",
                 STR_ARG(w->name), STR_ARG(w->value));
    vec_foreach(h, &i->heredocs)
        buf_addf(out, " " STR_FMT "<<%s%s" STR_FMT "{" STR_FMT "}", STR_ARG(h->fd),
                 h->strip_tabs ? "-" : "", h->expand ? "" : "'", STR_ARG(h->name),
                 STR_ARG(h->body));
}

static inline void check_dump(const char *file, int line, const char *text, const char *want,
                              size_t first)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Err err;

    if (dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err) < 0) {
        fprintf(stderr, "%s:%d: %s\n", file, line, err.msg);
        abort();
    }
    for (size_t i = first; i < d.instrs.n; i++) {
        if (i > first)
            buf_add_z(&out, "; ");
        dump_instr(&d.instrs.v[i], &out);
    }
    check_str(file, line, buf_str(&out), str_from(want));
}

/* A whole Dockerfile. */
#define CHECK_FILE(text, want) check_dump(__FILE__, __LINE__, (text), (want), 0)
/* What comes after a FROM. */
#define CHECK_INSTR(text, want) check_dump(__FILE__, __LINE__, "FROM x\n" text, (want), 1)

static inline void check_refused(const char *file, int line, const char *text, ErrKind kind,
                                 unsigned at, const char *part)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err = {0};

    if (dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err) < 0 && err.kind == kind &&
        err.line == at && strstr(err.msg, part))
        return;
    fprintf(stderr, "%s:%d: kind %d, line %u, \"%s\"; want line %u with \"%s\"\n", file, line,
            (int)err.kind, err.line, err.msg, at, part);
    abort();
}

#define CHECK_FILE_ERR(text, at, part) \
    check_refused(__FILE__, __LINE__, (text), ERR_SYNTAX, (at), (part))
/* An instruction in line 2. */
#define CHECK_INSTR_ERR(text, part) CHECK_FILE_ERR("FROM x\n" text, 2, part)
