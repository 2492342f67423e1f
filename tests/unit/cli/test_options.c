/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"
#include "test.h"

static Arena words; /* options keep what they were given */

static int parse(Front front, Settings *s, size_t n, const char *const *given, Err *err)
{
    char *argv[16];

    CHECK(n <= ARRAY_LEN(argv));
    for (size_t i = 0; i < n; i++) {
        argv[i] = arena_new_n(&words, char, strlen(given[i]) + 1);
        memcpy(argv[i], given[i], strlen(given[i]));
    }
    return options_parse(front, (int)n, argv, s, err);
}

#define PARSE(front, s, ...)                                                                       \
    parse((front), (s), ARRAY_LEN(((const char *[]){__VA_ARGS__})), (const char *[]){__VA_ARGS__}, \
          &err)

TEST(reads_every_spelling)
{
    cleanup_with(settings_done) Settings s = {0};
    Err err;

    CHECK_OK(PARSE(FRONT_BUILD, &s, "-t", "one", "--tag=two", "-tthree", "-t=four", "--push",
                   "--file", "df", "ctx"));
    CHECK(s.tags.n == 4 && s.push && strcmp(s.dockerfile, "df") == 0);
    CHECK_STR(s.tags.v[2], S("three"));
    CHECK_STR(s.tags.v[3], S("four"));
    CHECK(s.positional.n == 1);
    CHECK_STR(s.positional.v[0], S("ctx"));
}

TEST(flags_take_values_after_the_sign_only)
{
    cleanup_with(settings_done) Settings s = {0};
    Err err;

    CHECK_OK(PARSE(FRONT_EXECUTOR, &s, "--no-push=false", "--insecure=true", "--force"));
    CHECK(!s.no_push && s.insecure && s.force);
    CHECK_ERR(PARSE(FRONT_EXECUTOR, &s, "--force=maybe"), ERR_USAGE, "expected true or false");
}

TEST(two_dashes_end_the_options)
{
    cleanup_with(settings_done) Settings s = {0};
    Err err;

    CHECK_OK(PARSE(FRONT_BUILD, &s, "--", "--push", "-"));
    CHECK(!s.push && s.positional.n == 2);
}

TEST(unknown_options_are_refused_with_a_hint)
{
    cleanup_with(settings_done) Settings s = {0};
    Err err;

    CHECK_ERR(PARSE(FRONT_BUILD, &s, "--taag", "x"), ERR_USAGE, "did you mean --tag?");
    CHECK_ERR(PARSE(FRONT_BUILD, &s, "--frobnicate"), ERR_USAGE, "--help");
    CHECK_ERR(PARSE(FRONT_BUILD, &s, "-z"), ERR_USAGE, "unknown option -z");
    CHECK_ERR(PARSE(FRONT_BUILD, &s, "--destination", "x"), ERR_USAGE, "unknown option");
    CHECK_ERR(PARSE(FRONT_EXECUTOR, &s, "--destination"), ERR_USAGE, "needs a value");
}

TEST(what_is_not_built_yet_says_so)
{
    cleanup_with(settings_done) Settings s = {0};
    Err err;

    CHECK_ERR(PARSE(FRONT_EXECUTOR, &s, "--materialize"), ERR_UNSUPPORTED,
              "--materialize cannot be done");
    CHECK_OK(PARSE(FRONT_EXECUTOR, &s, "--materialize=false", "--snapshot-mode=redo",
                   "--use-new-run", "--compressed-caching=false"));
}

TEST(nothing_is_left)
{
    arena_done(&words);
}

TEST_MAIN(T(reads_every_spelling), T(flags_take_values_after_the_sign_only),
          T(two_dashes_end_the_options), T(unknown_options_are_refused_with_a_hint),
          T(what_is_not_built_yet_says_so), T(nothing_is_left))
