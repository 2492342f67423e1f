/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "os/program.h"
#include "test.h"

static int run(const char *script, Str in, unsigned timeout_s, size_t max, Buf *out, int *status,
               Err *err)
{
    const char *argv[] = {"sh", "-c", script, NULL};

    *out = (Buf)BUF_INIT(max);
    return program_run(argv, in, timeout_s, out, status, err);
}

TEST(text_in_text_out)
{
    int status;
    Buf out;
    Err err;

    CHECK_OK(run("read -r x; echo \"got $x\"; echo secret >&2; exit 7", S("hello"), 20, 100, &out,
                 &status, &err));
    CHECK(status == 7);
    CHECK_STR(buf_str(&out), S("got hello\n"));
    buf_done(&out);
    CHECK_OK(run("kill -TERM $$", S(""), 20, 100, &out, &status, &err));
    CHECK(status == 128 + SIGTERM);
    buf_done(&out);
}

TEST(who_does_not_listen_may_answer)
{
    char big[PROGRAM_INPUT_MAX];
    int status;
    Buf out;
    Err err;

    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    memset(big, 'x', sizeof(big));
    CHECK_OK(
        run("exec <&-; sleep 0.1; echo ok", (Str){big, sizeof(big)}, 20, 100, &out, &status, &err));
    CHECK_STR(buf_str(&out), S("ok\n"));
    buf_done(&out);
}

TEST(bounds)
{
    int status;
    Buf out;
    Err err;

    CHECK_ERR(run("yes", S(""), 20, 1000, &out, &status, &err), ERR_LIMIT, "its answer");
    buf_done(&out);
    CHECK_ERR(run("sleep 100", S(""), 0, 1000, &out, &status, &err), ERR_NET, "does not answer");
    buf_done(&out);
    CHECK_ERR(run("exec >&-; sleep 100", S(""), 1, 1000, &out, &status, &err), ERR_NET,
              "does not answer");
    buf_done(&out);
}

TEST(no_such_program)
{
    const char *argv[] = {"kiln-no-such-program", NULL};
    Buf out = BUF_INIT(10);
    int status;
    Err err;

    CHECK_ERR(program_run(argv, S(""), 1, &out, &status, &err), ERR_NOT_FOUND, "is not installed");
}

TEST_MAIN(T(text_in_text_out), T(who_does_not_listen_may_answer), T(bounds), T(no_such_program))
