/* SPDX-License-Identifier: Apache-2.0 */
/* Heredocs: where they are found, what their bodies are. */
#include "dump.h"

TEST(finding)
{
    CHECK_INSTR("RUN <<EOF\na\nb\nEOF\nUSER u", "RUN [<<EOF] <<EOF{a\nb\n}; USER [u]");
    CHECK_INSTR("RUN <<EOF cat > f\na\nEOF", "RUN [<<EOF cat > f] <<EOF{a\n}");
    CHECK_INSTR("RUN cat <<A <<B\n1\nA\n2\nB", "RUN [cat <<A <<B] <<A{1\n} <<B{2\n}");
    CHECK_INSTR("RUN 3<<EOF\na\nEOF", "RUN [3<<EOF] 3<<EOF{a\n}");
    CHECK_INSTR("RUN <<   EOF\na\nEOF", "RUN [<<   EOF] <<EOF{a\n}");
    CHECK_INSTR("RUN <<EOF\nEOF", "RUN [<<EOF] <<EOF{}");
    CHECK_INSTR("RUN --mount=a=b <<EOF\na\nEOF", "RUN --mount=a=b [<<EOF] <<EOF{a\n}");
    CHECK_INSTR("COPY <<a <<b /c/\n1\na\n2\nb", "COPY [<<a] [<<b] [/c/] <<a{1\n} <<b{2\n}");
    CHECK_INSTR("COPY << a /c\n1\na", "COPY [<< a] [/c] <<a{1\n}");
    CHECK_INSTR("ADD x <<a /c\n1\na", "ADD [x] [<<a] [/c] <<a{1\n}");
    CHECK_INSTR("RUN a \\\n <<EOF\nb\nEOF", "RUN [a  <<EOF] <<EOF{b\n}");
    CHECK_INSTR("RUN ${a:-b} ${c/d/e} <<${f:-g}\na\n${f:-g}",
                "RUN [${a:-b} ${c/d/e} <<${f:-g}] <<${f:-g}{a\n}");
    CHECK_INSTR("COPY 1<2 <<a /c\n1\na", "COPY [1<2] [<<a] [/c] <<a{1\n}");
    CHECK_INSTR("COPY x<< a /c", "COPY [x<<] [a] [/c]");
    CHECK_INSTR("RUN <<$x\na\n$x", "RUN [<<$x] <<$x{a\n}");
}

TEST(not_there)
{
    CHECK_INSTR("RUN cat<<EOF", "RUN [cat<<EOF]");
    CHECK_INSTR("RUN a <<- EOF", "RUN [a <<- EOF]");
    CHECK_INSTR("RUN cat <<<EOF", "RUN [cat <<<EOF]");
    CHECK_INSTR("RUN a <<", "RUN [a <<]");
    CHECK_INSTR("RUN a <<''", "RUN [a <<'']");
    CHECK_INSTR("RUN a <<b<c", "RUN [a <<b<c]");
    CHECK_INSTR("RUN echo '<<EOF'", "RUN [echo '<<EOF']");
    CHECK_INSTR("RUN echo \\<<EOF", "RUN [echo \\<<EOF]");
    CHECK_INSTR("RUN a < b", "RUN [a < b]");
    CHECK_INSTR("RUN a $((1<<2))", "RUN [a $((1<<2))]");
    CHECK_INSTR("RUN [\"<<EOF\"]", "RUN exec [<<EOF]");
    CHECK_INSTR("COPY [\"<<EOF\", \"/x\"]", "COPY exec [<<EOF] [/x]");
    CHECK_INSTR("CMD <<EOF", "CMD [<<EOF]");
    CHECK_INSTR("ENTRYPOINT <<EOF\nUSER a", "ENTRYPOINT [<<EOF]; USER [a]");
    CHECK_INSTR("ENV a=<<EOF", "ENV (a=<<EOF)");
    CHECK_INSTR("ONBUILD CMD <<EOF", "ONBUILD [CMD <<EOF]");
    CHECK_INSTR("ONBUILD RUN [\"<<EOF\"]", "ONBUILD [RUN [\"<<EOF\"]]");
    /* a line that is no row of shell words has none */
    CHECK_INSTR("RUN \"a\\\" <<EOF", "RUN [\"a\\\" <<EOF]");
    CHECK_INSTR("RUN it's <<EOF", "RUN [it's <<EOF]");
    CHECK_INSTR("RUN \"${a[@]}\" <<EOF", "RUN [\"${a[@]}\" <<EOF]");
}

TEST(names)
{
    CHECK_INSTR("RUN <<'EOF'\n$a\nEOF", "RUN [<<'EOF'] <<'EOF{$a\n}");
    CHECK_INSTR("RUN <<\"EOF\"\na\nEOF", "RUN [<<\"EOF\"] <<'EOF{a\n}");
    CHECK_INSTR("RUN <<E'O'F\na\nEOF", "RUN [<<E'O'F] <<'EOF{a\n}");
    CHECK_INSTR("RUN <<'a b'\n1\na b", "RUN [<<'a b'] <<'a b{1\n}");
    CHECK_INSTR("RUN <<a\\ b\n1\na b", "RUN [<<a\\ b] <<a b{1\n}");
    CHECK_INSTR("RUN <<a\\'b\n1\na'b", "RUN [<<a\\'b] <<a'b{1\n}");
    CHECK_INSTR("RUN <<a'\"'b\n1\na\"b", "RUN [<<a'\"'b] <<'a\"b{1\n}");
    CHECK_FILE("# escape=`\nFROM x\nRUN <<a\\'b\n1\na'b", "FROM [x]; RUN [<<a\\'b] <<a'b{1\n}");
}

TEST(bodies)
{
    /* verbatim: comments, continuation, blank lines, instructions, CRLF */
    CHECK_INSTR("RUN <<EOF\n# a\n\nb \\\n  USER c\nEOF\n",
                "RUN [<<EOF] <<EOF{# a\n\nb \\\n  USER c\n}");
    CHECK_INSTR("RUN <<EOF\r\na\r\nb\r\nEOF\r\nUSER u", "RUN [<<EOF] <<EOF{a\r\nb\r\n}; USER [u]");
    CHECK_INSTR("RUN <<EOF\n EOF\nEOF \n\tEOF\nEOF", "RUN [<<EOF] <<EOF{ EOF\nEOF \n\tEOF\n}");
    CHECK_INSTR("RUN <<-EOF\n\ta\n\t\t b\n c\td\n\t\tEOF", "RUN [<<-EOF] <<-EOF{a\n b\n c\td\n}");
    CHECK_INSTR("RUN <<-EOF\n EOF\n\tEOF", "RUN [<<-EOF] <<-EOF{ EOF\n}");
    CHECK_INSTR("COPY <<a /x\n# escape=`\na", "COPY [<<a] [/x] <<a{# escape=`\n}");
    CHECK_FILE_ERR("FROM x\nRUN <<EOF\na\n", 2, "unterminated heredoc");
    CHECK_FILE_ERR("FROM x\n\nRUN <<A <<B\n1\nA\n2\n", 3, "unterminated heredoc");
    CHECK_FILE_ERR("FROM x\nRUN <<EOF", 2, "unterminated heredoc");
}

TEST(destination)
{
    CHECK_INSTR_ERR("COPY a <<EOF\nx\nEOF", "COPY cannot accept a heredoc as a destination");
    CHECK_INSTR_ERR("ADD <<a <<b\nx\na\ny\nb", "ADD cannot accept a heredoc as a destination");
}

TEST(onbuild)
{
    CHECK_INSTR("ONBUILD RUN <<-A <<B\n\t1\n\tA\n2\nB\nUSER u",
                "ONBUILD [RUN <<-A <<B\n\t1\nA\n2\nB] <<-A{1\n} <<B{2\n}; USER [u]");
    CHECK_INSTR("ONBUILD COPY <<a /x\n1\na", "ONBUILD [COPY <<a /x\n1\na] <<a{1\n}");
}

TEST(of_a_word)
{
    cleanup_dockerfile Dockerfile d = {0};
    const Instr *i;
    Err err;

    CHECK_OK(dockerfile_parse(S("D"),
                              S("FROM x\nCOPY a <<b <<-'c' /d/\n1\nb\n\t2\nc\n"
                                "RUN <<E\nE\nRUN <<E x\nE\nRUN 3<<E\nE\nRUN a"),
                              &d, &err));
    i = &d.instrs.v[1];
    CHECK(!instr_heredoc(i, i->args.v[0]) && !instr_heredoc(i, i->args.v[3]));
    CHECK_STR(instr_heredoc(i, i->args.v[1])->body, S("1\n"));
    CHECK_STR(instr_heredoc(i, i->args.v[2])->body, S("2\n"));
    CHECK_STR(instr_heredoc(i, i->args.v[2])->raw, S("\t2\n"));
    CHECK(!instr_heredoc(i, S("<<other")));
    CHECK(instr_heredoc(&d.instrs.v[2], d.instrs.v[2].args.v[0]));
    CHECK(!instr_heredoc(&d.instrs.v[3], d.instrs.v[3].args.v[0]));
    CHECK_STR(instr_heredoc(&d.instrs.v[4], d.instrs.v[4].args.v[0])->fd, S("3"));
    CHECK(!instr_heredoc(&d.instrs.v[5], d.instrs.v[5].args.v[0]));
}

TEST(too_many)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Dockerfile d = {0};
    Err err;

    buf_add_z(&text, "FROM x\nRUN");
    for (int i = 0; i < 1001; i++)
        buf_add_z(&text, " <<a");
    CHECK_ERR(dockerfile_parse(S("D"), buf_str(&text), &d, &err), ERR_LIMIT,
              "D:2: more than 1000 heredocs");
}

TEST_MAIN(T(finding), T(not_there), T(names), T(bodies), T(destination), T(onbuild), T(of_a_word),
          T(too_many))
