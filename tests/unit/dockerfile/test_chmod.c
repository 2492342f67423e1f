/* SPDX-License-Identifier: Apache-2.0 */
/* Octal and symbolic modes, against what chmod(1) makes of them. */
#include "dockerfile/chmod.h"
#include "test.h"

static const struct {
    const char *text;
    uint32_t before;
    bool is_dir;
    uint32_t want;
} table[] = {
    {"755", 0600, false, 0755},
    {"0755", 0600, false, 0755},
    {"4711", 0600, true, 04711},
    {"0", 07777, false, 0},
    {"07777", 0, false, 07777},
    {"644", 0100755, false, 0100644}, /* the file type stays */
    {"", 0640, false, 0640},
    {"u=rwX,go=", 0644, true, 0700},
    {"u=rwX,go=", 0644, false, 0600},
    {"u=rwX,go=", 0755, false, 0700},
    {"u=rwX,go=rX", 0600, false, 0644},
    {"u=rwX,go=rX", 0100, false, 0755},
    {"u=rwX,go=rX", 0600, true, 0755},
    {"+x", 0644, false, 0755},
    {"-x", 0755, false, 0644},
    {"=r", 0777, false, 0444},
    {"a=rw", 01777, true, 0666},
    {"+X", 0644, false, 0644},
    {"+X", 0645, false, 0755},
    {"+X", 0644, true, 0755},
    {"a-x,a+X", 0755, false, 0755}, /* X looks at the mode as it was */
    {"g=u", 0750, false, 0770},
    {"o=g", 0750, false, 0755},
    {"u=o", 0751, false, 0151},
    {"g+u", 0710, false, 0770},
    {"g-u", 0770, false, 0700},
    {"o+u,g-o", 0754, false, 0707},
    {"go=u-w", 0700, false, 0755},
    {"a-w,u+s", 0755, false, 04555},
    {"u+s", 0755, false, 04755},
    {"g+s", 0755, true, 02755},
    {"+s", 0755, false, 06755},
    {"o+s", 0755, false, 0755},
    {"u=rx", 04755, false, 0555},
    {"g=rx", 02755, false, 0755},
    {"+t", 0755, true, 01755},
    {"o+t", 0755, true, 01755},
    {"u+t", 0755, true, 0755},
    {"-t", 01777, true, 0777},
    {"o=", 01777, true, 0770},
    {"ug+rw-x", 0155, false, 0665},
    {"u+", 0644, false, 0644},
    {"=", 0777, false, 0},
    {"u+rwx,g=,o-r", 0044, false, 0700},
    {"uuug=r", 0777, false, 0447},
    {"+rwxXst", 0, false, 07777},
};

TEST(modes)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        ChmodSpec c;
        uint32_t got;
        Err err;

        CHECK_OK(chmod_parse(str_from(table[i].text), &c, &err));
        got = chmod_apply(&c, table[i].before, table[i].is_dir);
        if (got == table[i].want)
            continue;
        fprintf(stderr, "%s of %o: %o, want %o\n", table[i].text, table[i].before, got,
                table[i].want);
        CHECK(!"the wanted mode");
    }
}

TEST(octal)
{
    ChmodSpec c;
    Err err;

    CHECK_OK(chmod_parse(S("0640"), &c, &err));
    CHECK(chmod_is_octal(&c) && c.mode == 0640);
    CHECK_OK(chmod_parse(S("u+x"), &c, &err));
    CHECK(!chmod_is_octal(&c));
    CHECK_OK(chmod_parse(S(""), &c, &err));
    CHECK(!chmod_is_octal(&c));
}

TEST(mistakes)
{
    static const char *const octal[] = {"10000", "07778",   "0o644",
                                        "6 44",  "644,u+x", "99999999999"};
    static const char *const symbolic[] = {"x",    "u",    "rwx",  "u+rwz", "u+x,", ",u+x",
                                           "u+x ", "u+gr", "+-x!", "-644",  "u +x"};
    ChmodSpec c = {.mode = 1};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(octal); i++)
        CHECK_ERR(chmod_parse(str_from(octal[i]), &c, &err), ERR_SYNTAX,
                  "'. it should be octal string and between 0 and 07777");
    for (size_t i = 0; i < ARRAY_LEN(symbolic); i++)
        CHECK_ERR(chmod_parse(str_from(symbolic[i]), &c, &err), ERR_SYNTAX,
                  "invalid chmod parameter: '");
    CHECK(c.mode == 1);
    CHECK_ERR(chmod_parse(S("u+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r+r"),
                          &c, &err),
              ERR_LIMIT, "more than 32 actions");
}

TEST_MAIN(T(modes), T(octal), T(mistakes))
