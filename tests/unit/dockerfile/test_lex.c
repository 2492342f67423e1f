/* SPDX-License-Identifier: Apache-2.0 */
/* Physical lines to logical lines: section by section of the language's lexical rules. */
#include "base/limits.h"
#include "dump.h"

TEST(input)
{
    CHECK_FILE_ERR("", 1, "Dockerfile: the Dockerfile cannot be empty");
    CHECK_FILE_ERR("\n", 1, "file with no instructions");
    CHECK_FILE_ERR("# a\n\n  # b\n", 1, "file with no instructions");
    CHECK_FILE_ERR("\xef\xbb\xbf", 1, "file with no instructions");
    CHECK_FILE_ERR("ARG a\n", 1, "dockerfile contains no stages to build");
    CHECK_FILE_ERR("ARG a\nRUN b\nFROM c\n", 2, "no build stage in current context");
    CHECK_FILE("FROM x", "FROM [x]");
    CHECK_FILE("ARG a\nFROM x", "ARG (a); FROM [x]");
    CHECK_FILE("\xef\xbb\xbf"
               "FROM x\n",
               "FROM [x]");
    CHECK_FILE("FROM x\r\nUSER a\r\n", "FROM [x]; USER [a]");
    CHECK_FILE("FROM x\nRUN a\r\r\n", "FROM [x]; RUN [a]");
    CHECK_FILE("\n\n  \t\n  FROM x\n\n\nUSER y", "FROM [x]; USER [y]");
    CHECK_FILE_ERR("FROM x\nRUN a\xef\xbb\xbf\n\xef\xbb\xbfRUN b", 3, "unknown instruction");
}

static void check_long_line(size_t n, const char *head, ErrKind kind)
{
    cleanup_buf Buf text = BUF_INIT((size_t)1 << 20);
    Dockerfile d = {0};
    Err err = {0};
    size_t begin;

    buf_add_z(&text, "FROM x\n");
    buf_add_z(&text, head);
    begin = text.n;
    buf_add_z(&text, "RUN ");
    while (text.n - begin < n - 1)
        buf_add_char(&text, 'a');
    buf_add_z(&text, "\nEOF\n");
    if (kind == ERR_NONE) {
        begin = dockerfile_parse(S("D"), buf_str(&text), &d, &err) == 0;
        CHECK(begin == (*head != '\0')); /* EOF is an instruction only outside of a heredoc */
        dockerfile_done(&d);
        return;
    }
    CHECK_ERR(dockerfile_parse(S("D"), buf_str(&text), &d, &err), kind,
              "dockerfile line greater than max allowed size of 65535");
    CHECK(err.line == (*head ? 3 : 2));
}

TEST(long_lines)
{
    check_long_line(LIMIT_DOCKERFILE_LINE, "", ERR_NONE);
    check_long_line(LIMIT_DOCKERFILE_LINE + 1, "", ERR_LIMIT);
    check_long_line(LIMIT_DOCKERFILE_LINE, "RUN <<EOF\n", ERR_NONE);
    check_long_line(LIMIT_DOCKERFILE_LINE + 1, "RUN <<EOF\n", ERR_LIMIT);
}

TEST(too_large)
{
    char *text = NEW_N(char, LIMIT_DOCKERFILE + 1);
    Dockerfile d = {0};
    Err err;

    memset(text, '\n', LIMIT_DOCKERFILE + 1);
    CHECK_ERR(dockerfile_parse(S("D"), (Str){text, LIMIT_DOCKERFILE + 1}, &d, &err), ERR_LIMIT,
              "D: the Dockerfile is larger than");
    free(text);
}

TEST(too_many_instructions)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERFILE);
    Dockerfile d = {0};
    Err err;

    buf_add_z(&text, "FROM x\n");
    for (int i = 0; i < DOCKERFILE_MAX_INSTRUCTIONS; i++)
        buf_add_z(&text, "USER a\n");
    CHECK_ERR(dockerfile_parse(S("D"), buf_str(&text), &d, &err), ERR_LIMIT,
              "more than 100000 instructions");
}

TEST(nul_and_utf16)
{
    static const char text[] = "FROM x\nRUN a\0b\n", utf16[] = "F\0R\0O\0M\0 \0x\0\n\0";
    Dockerfile d = {0};
    Err err;

    CHECK_ERR(dockerfile_parse(S("D"), (Str){text, sizeof(text) - 1}, &d, &err), ERR_SYNTAX,
              "D:2: NUL character");
    CHECK_ERR(dockerfile_parse(S("D"), (Str){utf16, sizeof(utf16) - 1}, &d, &err), ERR_SYNTAX,
              "is this UTF-16 text?");
}

static void check_directives(const char *text, char escape, const char *syntax, const char *check)
{
    cleanup_dockerfile Dockerfile d = {0};
    Err err;

    CHECK_OK(dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err));
    CHECK(d.escape == escape);
    CHECK(d.instrs.v[0].source->escape == escape);
    CHECK_STR(d.syntax, str_from(syntax));
    CHECK_STR(d.check, str_from(check));
}

TEST(directives)
{
    check_directives("FROM x", '\\', "", "");
    check_directives("# escape=`\nFROM x", '`', "", "");
    check_directives("#escape=\\\nFROM x", '\\', "", "");
    check_directives("  #\tEsCaPe \t=  `  \r\nFROM x", '`', "", "");
    check_directives("\xef\xbb\xbf# escape=`\nFROM x", '`', "", "");
    check_directives(
        "# syntax=docker/dockerfile:1 a b\n# check=skip=A;error=true\n# escape=`\nFROM x", '`',
        "docker/dockerfile:1 a b", "skip=A;error=true");
    /* whatever is no directive closes the section */
    check_directives("\n# escape=`\nFROM x", '\\', "", "");
    check_directives("# a comment\n# escape=`\nFROM x", '\\', "", "");
    check_directives("# other=1\n# escape=`\nFROM x", '\\', "", "");
    check_directives("# 1escape=`\n# escape=`\nFROM x", '\\', "", "");
    check_directives("# escape=\n# escape=`\nFROM x", '\\', "", "");
    check_directives("# escape\n# escape=`\nFROM x", '\\', "", "");
    check_directives("FROM x\n# escape=`\n", '\\', "", "");
    check_directives("#!/bin/sh\n# escape=`\nFROM x", '\\', "", "");
    /* a "#!" line is passed over by what looks for the syntax only */
    check_directives("#!/bin/sh\n# syntax=a/b\n# check=skip=all\nFROM x", '\\', "a/b", "");
    CHECK_FILE_ERR("# escape=`\n# escape=`\nFROM x", 2,
                   "only one escape parser directive can be used");
    CHECK_FILE_ERR("# SYNTAX=a\n# check=b\n# syntax=c\nFROM x", 3,
                   "only one syntax parser directive can be used");
    CHECK_FILE_ERR("# escape=x\nFROM x", 1, "invalid escape token 'x' does not match ` or \\");
    CHECK_FILE_ERR("# escape=``\nFROM x", 1, "invalid escape token '``' does not match ` or \\");
}

TEST(foreign_front_ends)
{
    static const char *const texts[] = {"// syntax=a/b\nwhatever", "{\"syntax\": \"a/b\"}",
                                        "\n {\"x\": 1, \"syntax\":\"a/b\"}"};
    Dockerfile d = {0};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        CHECK_ERR(dockerfile_parse(S("D"), str_from(texts[i]), &d, &err), ERR_UNSUPPORTED,
                  "this is no Dockerfile but input of the front end \"a/b\"");
    CHECK_FILE_ERR("// other=a/b\nFROM x", 1, "unknown instruction: //");
    CHECK(dockerfile_syntax_is_known(S("")));
    CHECK(dockerfile_syntax_is_known(S("dockerfile.v0")));
    CHECK(dockerfile_syntax_is_known(S("docker/dockerfile")));
    CHECK(dockerfile_syntax_is_known(S("docker/dockerfile:1.7-labs")));
    CHECK(dockerfile_syntax_is_known(S("docker.io/docker/dockerfile-upstream:master x y")));
    CHECK(dockerfile_syntax_is_known(S("localhost:5000/docker/dockerfile@sha256:00")));
    CHECK(!dockerfile_syntax_is_known(S("dockerfile")));
    CHECK(!dockerfile_syntax_is_known(S("evil/dockerfile:1")));
    CHECK(!dockerfile_syntax_is_known(S("notdocker/dockerfile:1")));
    CHECK(!dockerfile_syntax_is_known(S("tonistiigi/nix")));
}

TEST(comments)
{
    CHECK_FILE("# a\nFROM x\n  # b\n\t#c\nUSER y # d\n", "FROM [x]; USER [y # d]");
    CHECK_FILE("FROM x\n# a \\\nUSER y\n", "FROM [x]; USER [y]");
    CHECK_FILE("FROM x\nRUN a \\\n# b\n  # c \\\n  d\n", "FROM [x]; RUN [a   d]");
    CHECK_FILE("FROM x\nRUN a \\\n#\n", "FROM [x]; RUN [a]");
    CHECK_FILE("FROM x\nRUN a\\#\nUSER #y\n", "FROM [x]; RUN [a\\#]; USER [#y]");
}

TEST(continuations)
{
    CHECK_INSTR("RUN a \\\n  b\\\nc", "RUN [a   bc]");
    CHECK_INSTR("RUN a \\ \t\n  b", "RUN [a   b]");
    CHECK_INSTR("RUN a \\\r\nb\r\n", "RUN [a b]");
    CHECK_INSTR("R\\\nUN a", "RUN [a]");
    CHECK_INSTR("\\\nRUN a", "RUN [a]");
    CHECK_INSTR("  \\\n  RUN a", "RUN [a]");
    /* a doubled escape character is none, and only the last two count */
    CHECK_INSTR("RUN a \\\\\nRUN b", "RUN [a \\\\]; RUN [b]");
    CHECK_INSTR("RUN a \\\\\\\nRUN b", "RUN [a \\\\\\]; RUN [b]");
    CHECK_INSTR("RUN a\\ b\nRUN c\\", "RUN [a\\ b]; RUN [c]");
    CHECK_INSTR("RUN a \\\n\n \t\n\n  b", "RUN [a   b]");
    CHECK_INSTR("RUN a \\\n\n", "RUN [a]");
    CHECK_INSTR("RUN a \\", "RUN [a]");
    CHECK_FILE("# escape=`\nFROM x\nRUN a `\n  b \\\nRUN c", "FROM [x]; RUN [a   b \\]; RUN [c]");
    CHECK_INSTR_ERR("\\", "line continuation without an instruction");
    CHECK_INSTR_ERR("\\\n\\\n\n", "line continuation without an instruction");
}

static Dockerfile parse(const char *text)
{
    Dockerfile d = {0};
    Err err;

    CHECK_OK(dockerfile_parse(S("Dockerfile"), str_from(text), &d, &err));
    return d;
}

TEST(positions)
{
    cleanup_dockerfile Dockerfile d = parse(
        "\n# c\n  FROM x\nRUN a \\\n# c\n\n b \\\n\n\nUSER u\nRUN <<EOF\n1\n2\nEOF\n\ncopy a b");
    static const unsigned lines[][3] = {{3, 3, 0}, {4, 10, 6}, {11, 14, 0}, {16, 16, 0}};

    CHECK(d.instrs.n == 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK(d.instrs.v[i].line == lines[i][0]);
        CHECK(d.instrs.v[i].line_end == lines[i][1]);
        CHECK(d.instrs.v[i].blank_line == lines[i][2]);
    }
    CHECK_STR(d.instrs.v[1].original, S("RUN a  b USER u"));
    CHECK_STR(d.instrs.v[1].rest, S("a  b USER u"));
    CHECK_STR(d.instrs.v[3].keyword, S("copy"));
    CHECK_STR(d.name, S("Dockerfile"));
}

static void check_comments(const char *text, const char *want)
{
    cleanup_dockerfile Dockerfile d = parse(text);
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);

    vec_foreach(c, &d.instrs.v[d.instrs.n - 1].comments)
        buf_addf(&got, "[" STR_FMT "]", STR_ARG(*c));
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(comments_above)
{
    check_comments("# a\n#b \n  #  c\t\nFROM x", "[a][b][c]");
    check_comments("# a\n\n\n# b\nFROM x", "[a][b]");
    check_comments("# a\n#\n# b\nFROM x", "[b]");
    check_comments("# a\n# \t\nFROM x", "");
    check_comments("# escape=`\n# a\nFROM x", "[a]");
    check_comments("# a\n# escape=`\nFROM x", "[a][escape=`]");
    check_comments("## a\nFROM x", "[# a]");
    check_comments("# a\nFROM x\nUSER y", "");
    check_comments("FROM x\nRUN a\\\n# in\nb\nUSER y", "");
    check_comments("FROM x\n# check=skip=A\nUSER y", "[check=skip=A]");
    check_comments("FROM x\nRUN <<E\n# body\nE\nUSER y", "");
}

TEST_MAIN(T(input), T(long_lines), T(too_large), T(too_many_instructions), T(nul_and_utf16),
          T(directives), T(foreign_front_ends), T(comments), T(continuations), T(positions),
          T(comments_above))
