/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "dockerfile/healthcheck.h"
#include "dockerfile/parse.h"
#include "test.h"

static int parse(const char *instr, Dockerfile *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "FROM x\n%s\n", instr);
    return dockerfile_parse(S("D"), buf_str(&text), ret, err);
}

static void check_health(const char *instr, const char *want)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    Healthcheck h = {0};
    Err err;

    CHECK_OK(parse(instr, &d, &err));
    CHECK_OK(healthcheck_from(&d.instrs.v[1], &a, &h, &err));
    CHECK(h.set);
    vec_foreach(t, &h.test)
        buf_addf(&got, "[" STR_FMT "]", STR_ARG(*t));
    buf_addf(&got, " %lld %lld %lld %lld %lld", (long long)h.interval_ns, (long long)h.timeout_ns,
             (long long)h.start_period_ns, (long long)h.start_interval_ns, (long long)h.retries);
    vec_done(&h.test);
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(values)
{
    check_health("HEALTHCHECK NONE", "[NONE] 0 0 0 0 0");
    check_health("HEALTHCHECK --interval=5s NONE", "[NONE] 0 0 0 0 0");
    check_health("HEALTHCHECK CMD curl $X", "[CMD-SHELL][curl $X] 0 0 0 0 0");
    check_health("HEALTHCHECK CMD [\"curl\", \"$X\"]", "[CMD][curl][$X] 0 0 0 0 0");
    check_health("HEALTHCHECK --interval=5s --timeout=1m30s --start-period=0s --start-interval=1ms "
                 "--retries=2 CMD x",
                 "[CMD-SHELL][x] 5000000000 90000000000 0 1000000 2");
    check_health("HEALTHCHECK --interval=500ms --retries=0 --timeout=0 CMD x",
                 "[CMD-SHELL][x] 500000000 0 0 0 0");
    check_health("HEALTHCHECK --interval= --retries= CMD x", "[CMD-SHELL][x] 0 0 0 0 0");
    check_health("HEALTHCHECK --retries=+3 CMD x", "[CMD-SHELL][x] 0 0 0 0 3");
}

TEST(mistakes)
{
    static const char *const table[][2] = {
        {"HEALTHCHECK --interval=999us CMD x", "Interval \"interval\" cannot be less than 1ms"},
        {"HEALTHCHECK --timeout=-5s CMD x", "Interval \"timeout\" cannot be less than 1ms"},
        {"HEALTHCHECK --start-period=1ns CMD x",
         "Interval \"start-period\" cannot be less than 1ms"},
        {"HEALTHCHECK --start-interval=1ns CMD x", "Interval \"start-interval\" cannot"},
        {"HEALTHCHECK --interval=5 CMD x", "invalid duration \"5\" for --interval"},
        {"HEALTHCHECK --interval=soon CMD x", "invalid duration \"soon\" for --interval"},
        {"HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"},
        {"HEALTHCHECK --retries=x CMD x", "invalid number \"x\" for --retries"},
        {"HEALTHCHECK --retries=2147483648 CMD x", "invalid number"},
        {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
        {"HEALTHCHECK", "HEALTHCHECK requires at least one argument"},
        {"HEALTHCHECK --interval=5s", "HEALTHCHECK requires at least one argument"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        Dockerfile d = {0};
        Err err;

        CHECK_ERR(parse(table[i][0], &d, &err), ERR_SYNTAX, table[i][1]);
        CHECK(err.line == 2);
    }
}

TEST_MAIN(T(values), T(mistakes))
