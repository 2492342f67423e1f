/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/stopsignal.h"
#include "test.h"

TEST(signals)
{
    static const char *const good[] = {"9",        "-1",      "+15",     "999",        "SIGTERM",
                                       "term",     "SigKill", "QUIT",    "RTMIN",      "SIGRTMIN+1",
                                       "rtmin+15", "RTMAX",   "RTMAX-1", "SIGRTMAX-14"};
    static const char *const bad[] = {"",
                                      "0",
                                      "00",
                                      "SIG",
                                      "SIGSIGTERM",
                                      "TERM ",
                                      "EMT",
                                      "1x",
                                      "0x9",
                                      "RTMIN+0",
                                      "RTMIN+16",
                                      "RTMIN-1",
                                      "RTMAX+1",
                                      "RTMAX-15",
                                      "RTMIN+",
                                      "RTMIN+01",
                                      "99999999999999999999"};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK_OK(stopsignal_check(str_from(good[i]), &err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_ERR(stopsignal_check(str_from(bad[i]), &err), ERR_SYNTAX, "invalid signal: ");
    CHECK_ERR(stopsignal_check(S("SIGFOO"), &err), ERR_SYNTAX, "invalid signal: SIGFOO");
}

TEST_MAIN(T(signals))
