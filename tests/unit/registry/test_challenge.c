/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "registry/challenge.h"
#include "test.h"

/* "Basic{realm=a} Bearer{realm=b,service=c} Negotiate(abc==)": the whole result as one text. */
static void check(const char *header, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(challenges_done) ChallengeVec v = {0};
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);

    challenge_parse(&a, str_from(header), &v);
    vec_foreach(c, &v) {
        buf_addf(&got, "%s" STR_FMT, c == v.v ? "" : " ", STR_ARG(c->scheme));
        if (c->token68.n)
            buf_addf(&got, "(" STR_FMT ")", STR_ARG(c->token68));
        vec_foreach(p, &c->params)
            buf_addf(&got, "%s" STR_FMT "=" STR_FMT, p == c->params.v ? "{" : ",", STR_ARG(p->key),
                     STR_ARG(p->value));
        if (c->params.n)
            buf_add_z(&got, "}");
    }
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(reads_what_registries_send)
{
    check("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
          "scope=\"repository:library/debian:pull\"",
          "Bearer{realm=https://auth.docker.io/token,service=registry.docker.io,"
          "scope=repository:library/debian:pull}");
    check("Basic realm=\"x\"", "Basic{realm=x}");
    check("BASIC REALM=x", "BASIC{realm=x}");
    check("Basic realm=", "Basic(realm=)"); /* what the grammar says */
    check("Basic", "Basic");
}

TEST(reads_several_challenges)
{
    check("Basic realm=\"a, b\", Bearer realm=\"c\",service=d, Negotiate",
          "Basic{realm=a, b} Bearer{realm=c,service=d} Negotiate");
    check("Negotiate abc+/9==, Basic realm=z", "Negotiate(abc+/9==) Basic{realm=z}");
    check("Negotiate, NTLM", "Negotiate NTLM");
    check("Negotiate , , Basic realm=z ,, x=y", "Negotiate Basic{realm=z,x=y}");
    check(" , Basic a=b", "Basic{a=b}");
}

TEST(reads_quoted_strings)
{
    check("A r=\"q\\\"q\\\\\", s=\"\"", "A{r=q\"q\\,s=}");
    check("A r = \"x\" , s = y", "A{r=x,s=y}");
    check("A r=\"never closed, B", "A{r=never closed, B}");
    check("A r=\"ends in \\", "A{r=ends in \\}");
}

TEST(stops_at_rubbish_and_keeps_what_was_good)
{
    check("", "");
    check(",,,", "");
    check("Bearer realm=\"x\" garbage=\"y\" \"", "Bearer{realm=x} garbage");
    check("A r=\"x\"@, B s=y", "A{r=x}");
    check("\x01\x02", "");
    check("=", "");
}

TEST(is_bounded)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(challenges_done) ChallengeVec v = {0};
    cleanup_buf Buf many = BUF_INIT(BUF_SMALL);

    for (int i = 0; i < 1000; i++)
        buf_addf(&many, "S%d a=b,", i);
    challenge_parse(&a, buf_str(&many), &v);
    CHECK(v.n == CHALLENGES_MAX);
    buf_truncate(&many, 0);
    buf_add_z(&many, "S ");
    for (int i = 0; i < 1000; i++)
        buf_addf(&many, "p%d=b,", i);
    challenge_parse(&a, buf_str(&many), &v);
    CHECK(v.v[CHALLENGES_MAX].params.n == CHALLENGE_PARAMS_MAX);
}

TEST(finds_parameters_without_case)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(challenges_done) ChallengeVec v = {0};

    challenge_parse(&a, S("bEaReR Realm=\"x\""), &v);
    CHECK(v.n == 1 && challenge_is(&v.v[0], "Bearer") && !challenge_is(&v.v[0], "Basic"));
    CHECK_STR(challenge_param(&v.v[0], "rEALM"), S("x"));
    CHECK_STR(challenge_param(&v.v[0], "scope"), S(""));
}

TEST_MAIN(T(reads_what_registries_send), T(reads_several_challenges), T(reads_quoted_strings),
          T(stops_at_rubbish_and_keeps_what_was_good), T(is_bounded),
          T(finds_parameters_without_case))
