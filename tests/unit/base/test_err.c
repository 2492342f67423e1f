/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "test.h"

static int inner(Err *err)
{
    errno = ENOENT;
    return err_sys(err, "open %s", "x");
}

static int outer(Err *err)
{
    TRY(inner(err));
    return 0;
}

TEST(tell_what_and_why)
{
    Err err = {0};

    CHECK(outer(&err) == -1 && err.kind == ERR_SYS && err.os_errno == ENOENT);
    CHECK_STR(str_from(err.msg), S("open x: No such file or directory"));
    CHECK(err.where && strstr(err.where, "test_err.c:"));
    CHECK(err_wrap(&err, "layer %d", 2) == -1);
    CHECK_STR(str_from(err.msg), S("layer 2: open x: No such file or directory"));
    CHECK(err_set(&err, ERR_LIMIT, "more") == -1 && err.os_errno == 0);
    CHECK_STR(str_from(err.msg), S("more"));
}

/* When there is no room the context goes, never the cause. */
TEST(keep_the_cause)
{
    char context[ERR_MSG_MAX];
    Err err = {0};

    memset(context, 'c', sizeof(context) - 1);
    context[sizeof(context) - 1] = '\0';
    (void)err_set(&err, ERR_FORMAT, "the cause");
    (void)err_wrap(&err, "%s", context);
    CHECK(strlen(err.msg) < ERR_MSG_MAX && str_ends(str_from(err.msg), S("the cause")));
    (void)err_set(&err, ERR_FORMAT, "%s%s", context, context);
    CHECK(strlen(err.msg) == ERR_MSG_MAX - 1);
}

TEST_MAIN(T(tell_what_and_why), T(keep_the_cause))
