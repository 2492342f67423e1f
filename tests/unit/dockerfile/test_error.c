/* SPDX-License-Identifier: Apache-2.0 */
/* What a mistake looks like: name, line, source, caret. */
#include "base/buf.h"
#include "dockerfile/parse.h"
#include "test.h"

static void check_text(const char *file, int line, const char *text, const char *want)
{
    Dockerfile d = {0};
    Err err = {0};

    if (dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err) >= 0) {
        fprintf(stderr, "%s:%d: accepted\n", file, line);
        abort();
    }
    check_str(file, line, str_from(err.msg), str_from(want));
}
#define CHECK_TEXT(text, want) check_text(__FILE__, __LINE__, (text), (want))

TEST(passwords)
{
    CHECK_TEXT("FROM x\nADD --chwon=1 http://me:se@cr\xc3\xa9t@h/a http://me@h:1/b /a b:c@d\n",
               "Dockerfile:2: unknown flag: --chwon (did you mean chown?)\n"
               "  2 | ADD --chwon=1 http://me:xxxxxxxx@h/a http://me@h:1/b /a b:c@d\n"
               "    |     ^~~~~~~~~");
    CHECK_TEXT("FROM x\nADD [\"http://me:secret@h/a\", \"ftp://\", \"/a\"] b\nRNU http://a:b@c\n",
               "Dockerfile:3: unknown instruction: RNU (did you mean RUN?)\n"
               "  3 | RNU http://a:x@c\n"
               "    | ^~~");
}

TEST(carets)
{
    CHECK_TEXT("FROM x\n\n\n\n\n\n\n\n\n\n\nRNU apt-get update\n",
               "Dockerfile:12: unknown instruction: RNU (did you mean RUN?)\n"
               "  12 | RNU apt-get update\n"
               "     | ^~~");
    CHECK_TEXT("FROM x\n  COPY --chwon=1 a b\n",
               "Dockerfile:2: unknown flag: --chwon (did you mean chown?)\n"
               "  2 |   COPY --chwon=1 a b\n"
               "    |        ^~~~~~~~~");
    CHECK_TEXT(
        "FROM x AS 1\n",
        "Dockerfile:1: invalid name for build stage: \"1\", name can't start with a number or "
        "contain symbols\n"
        "  1 | FROM x AS 1\n"
        "    |           ^");
    CHECK_TEXT(
        "FROM x\nENV a=1 \xc3\xa9=2 b",
        "Dockerfile:2: Syntax error - can't find = in \"b\". Must be of the form: name=value\n"
        "  2 | ENV a=1 \xc3\xa9=2 b\n"
        "    |             ^");
}

TEST(joined_lines)
{
    CHECK_TEXT("FROM x\nCOPY --chown=1 \\\n# c\n\n\t--fro=y a b\n",
               "Dockerfile:5: unknown flag: --fro (did you mean from?)\n"
               "  5 |  --fro=y a b\n"
               "    |  ^~~~~~~");
    CHECK_TEXT("FROM x\nWO\\\nRK a\n", "Dockerfile:2: unknown instruction: WORK\n"
                                       "  2 | WO\\\n"
                                       "    | ^~");
}

TEST(other_places)
{
    CHECK_TEXT("", "Dockerfile: the Dockerfile cannot be empty");
    CHECK_TEXT("FROM x\n# a\nRUN <<E\nb",
               "Dockerfile:3: unterminated heredoc\n  3 | RUN <<E\n    | ^~~");
    CHECK_TEXT("# escape=x\nFROM x",
               "Dockerfile:1: invalid escape token 'x' does not match ` or \\\n"
               "  1 | # escape=x\n"
               "    | ^~~~~~~~~~");
    CHECK_TEXT("FROM x\nUSER\n",
               "Dockerfile:2: USER requires exactly one argument\n  2 | USER\n    | ^~~~");
}

TEST(control_characters)
{
    CHECK_TEXT("FROM x\n\x1b[31mRUN\t\x7f\xc2\x9b\xff a\r\n",
               "Dockerfile:2: unknown instruction: ?[31mRUN\n"
               "  2 | ?[31mRUN ??? a\n"
               "    | ^~~~~~~~");
}

TEST(long_lines_are_cut)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Dockerfile d = {0};
    Err err;
    Str shown, caret, rest;

    buf_add_z(&text, "FROM x\nENV ");
    for (int i = 0; i < 100; i++)
        buf_addf(&text, "a%02d=b ", i);
    buf_add_z(&text, "oops ");
    for (int i = 0; i < 100; i++)
        buf_addf(&text, "a%02d=b ", i);
    CHECK_ERR(dockerfile_parse(S("D"), buf_str(&text), &d, &err), ERR_SYNTAX,
              "D:2: Syntax error - can't find = in \"oops\"");
    CHECK(str_cut(str_from(err.msg), '\n', &shown, &rest));
    CHECK(str_cut(rest, '\n', &shown, &caret));
    CHECK(shown.n < 140 && caret.n < shown.n);
    CHECK(str_starts(shown, S("  2 | ...")) && str_ends(shown, S("...")));
    CHECK(str_ends(caret, S("^~~~")));
    CHECK_STR(str_head(str_skip(shown, caret.n - 4), 4), S("oops"));
}

TEST(long_words_are_cut)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Dockerfile d = {0};
    Err err;

    buf_add_z(&text, "FROM x\n");
    for (int i = 0; i < 60000; i++)
        buf_add_char(&text, 'x');
    CHECK_ERR(dockerfile_parse(S("D"), buf_str(&text), &d, &err), ERR_SYNTAX,
              "D:2: unknown instruction: xxxx");
    CHECK(strlen(err.msg) < 500 && strstr(err.msg, "...\n  2 | xxx"));
}

static Dockerfile parse(const char *text)
{
    Dockerfile d = {0};
    Err err;

    CHECK_OK(dockerfile_parse(S("path/Dockerfile"), str_from(text), &d, &err));
    return d;
}

TEST(from_others)
{
    cleanup_dockerfile Dockerfile d = parse("FROM x\nEXPOSE 80 \\\n  8o \\\n 90\n");
    const Instr *i = &d.instrs.v[1];
    Err err = {0};

    (void)err_set(&err, ERR_LIMIT, "invalid containerPort: 8o");
    CHECK(dockerfile_error_at(&d, i, i->args.v[1], &err) == -1);
    CHECK(err.kind == ERR_LIMIT && err.line == 3);
    CHECK_STR(str_from(err.msg), S("path/Dockerfile:3: EXPOSE: invalid containerPort: 8o\n"
                                   "  3 |   8o \\\n"
                                   "    |   ^~"));
    (void)err_set(&err, ERR_NET, "cause");
    CHECK(dockerfile_error_at(&d, i, (Str){0}, &err) == -1);
    CHECK_STR(str_from(err.msg), S("path/Dockerfile:2: EXPOSE: cause\n"
                                   "  2 | EXPOSE 80 \\\n"
                                   "    | ^~~~~~"));
    (void)err_set(&err, ERR_NET, "cause");
    CHECK(dockerfile_error_at(&d, i, S("elsewhere"), &err) == -1 && err.line == 2);
}

TEST(from_a_trigger)
{
    cleanup_dockerfile Dockerfile d = parse("FROM x\n");
    Err err = {0};

    CHECK_OK(dockerfile_parse_trigger(S("ONBUILD of y"), S("EXPOSE 8o"), &d, &err));
    (void)err_set(&err, ERR_SYNTAX, "cause");
    CHECK(dockerfile_error_at(&d, &d.instrs.v[1], d.instrs.v[1].args.v[0], &err) == -1);
    CHECK_STR(str_from(err.msg), S("ONBUILD of y:1: EXPOSE: cause\n"
                                   "  1 | EXPOSE 8o\n"
                                   "    |        ^~"));
}

TEST(a_full_message_drops_the_excerpt)
{
    cleanup_dockerfile Dockerfile d = parse("FROM x\nUSER u\n");
    Err err = {.kind = ERR_RUN, .exit_code = 3};

    memset(err.msg, 'm', sizeof(err.msg) - 1);
    CHECK(dockerfile_error_at(&d, &d.instrs.v[1], (Str){0}, &err) == -1);
    CHECK(err.kind == ERR_RUN && err.exit_code == 3 && strlen(err.msg) == ERR_MSG_MAX - 1);
    CHECK(!strchr(err.msg, '\n') && str_starts(str_from(err.msg), S("path/Dockerfile:2: ")));
}

TEST_MAIN(T(passwords), T(carets), T(joined_lines), T(other_places), T(control_characters),
          T(long_lines_are_cut), T(long_words_are_cut), T(from_others), T(from_a_trigger),
          T(a_full_message_drops_the_excerpt))
