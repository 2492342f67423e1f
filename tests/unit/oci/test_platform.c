/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/platform.h"
#include "test.h"

static Platform parsed(Arena *a, const char *text)
{
    Platform p;
    Err err;

    CHECK_OK(platform_parse(a, str_from(text), &p, &err));
    return p;
}

TEST(spellings)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"linux/amd64", "linux/amd64"},      {"Linux/AMD64", "linux/amd64"},
        {"linux/x86_64", "linux/amd64"},     {"linux/x86-64", "linux/amd64"},
        {"linux/amd64/v1", "linux/amd64"},   {"linux/amd64/v3", "linux/amd64/v3"},
        {"linux/aarch64", "linux/arm64"},    {"linux/arm64/v8", "linux/arm64"},
        {"linux/arm64/8", "linux/arm64"},    {"linux/arm64/v9", "linux/arm64/v9"},
        {"linux/arm", "linux/arm/v7"},       {"linux/arm/7", "linux/arm/v7"},
        {"linux/arm/6", "linux/arm/v6"},     {"linux/arm/v5", "linux/arm/v5"},
        {"linux/armhf", "linux/arm/v7"},     {"linux/armel", "linux/arm/v6"},
        {"linux/i386", "linux/386"},         {"macos/arm64", "darwin/arm64"},
        {"linux/ppc64le", "linux/ppc64le"},  {"linux/riscv64", "linux/riscv64"},
        {"windows/amd64", "windows/amd64"},  {"linux/brandnew", "linux/brandnew"},
        {"linux/aarch64/v8", "linux/arm64"}, {"freebsd/x86_64/v2", "freebsd/amd64/v2"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Platform p = parsed(&a, cases[i].text), again;

        CHECK_STR(platform_format(&a, &p), str_from(cases[i].want));
        again = parsed(&a, cases[i].want);
        CHECK(platform_eq(&p, &again));
    }
}

TEST(one_word)
{
    cleanup_arena Arena a = ARENA_INIT;
    Platform host = platform_host(), p;
    Err err;

    p = parsed(&a, "linux");
    CHECK(platform_eq(&p, &host));
    p = parsed(&a, "aarch64");
    CHECK_STR(platform_format(&a, &p), S("linux/arm64"));
    p = parsed(&a, "armel");
    CHECK_STR(platform_format(&a, &p), S("linux/arm/v6"));
    CHECK_ERR(platform_parse(&a, S("toaster"), &p, &err), ERR_USAGE, "want os/arch");
}

TEST(os_version)
{
    cleanup_arena Arena a = ARENA_INIT;
    Platform p = parsed(&a, "windows/amd64:10.0.17763.1999");

    CHECK_STR(p.arch, S("amd64"));
    CHECK_STR(p.os_version, S("10.0.17763.1999"));
    CHECK_STR(platform_format(&a, &p), S("windows/amd64"));
}

TEST(refuses)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "linux/",
                                      "/amd64",
                                      "a/b/c/d",
                                      "a b/c",
                                      "linux/amd64/",
                                      "linux//v7",
                                      "linux/am$64",
                                      "l\xc3\xa9/x",
                                      "linux/amd64:",
                                      "linux/amd64:1 2"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Platform p;
        Err err;

        CHECK_ERR(platform_parse(&a, str_from(bad[i]), &p, &err), ERR_USAGE, "invalid platform");
    }
}

static unsigned match(const char *want, const char *have)
{
    cleanup_arena Arena a = ARENA_INIT;
    Platform w = parsed(&a, want), h = parsed(&a, have);

    return platform_match(&w, &h);
}

TEST(matches)
{
    CHECK(match("linux/amd64", "linux/amd64") > 0);
    CHECK(match("linux/amd64", "linux/x86_64/v1") == match("linux/amd64", "linux/amd64"));
    CHECK(match("linux/amd64", "linux/amd64/v2") == 0);
    CHECK(match("linux/amd64/v3", "linux/amd64/v2") > match("linux/amd64/v3", "linux/amd64"));
    CHECK(match("linux/amd64/v3", "linux/amd64") > 0);
    CHECK(match("linux/amd64", "linux/386") == 0);
    CHECK(match("linux/amd64", "windows/amd64") == 0);
    CHECK(match("linux/arm/v7", "linux/arm/v7") > match("linux/arm/v7", "linux/arm/v6"));
    CHECK(match("linux/arm/v7", "linux/arm/v6") > match("linux/arm/v7", "linux/arm/v5"));
    CHECK(match("linux/arm/v7", "linux/arm/v5") > 0);
    CHECK(match("linux/arm/v6", "linux/arm/v7") == 0);
    CHECK(match("linux/arm64", "linux/arm/v7") == 0);
    CHECK(match("linux/arm64", "linux/arm64/v8") > 0);
    CHECK(match("linux/arm64/v9", "linux/arm64") > 0);
    CHECK(match("linux/arm64/v9.2", "linux/arm64/v9.1") > match("linux/arm64/v9.2", "linux/arm64"));
    CHECK(match("linux/arm64", "linux/arm64/v9") == 0);
    CHECK(match("linux/ppc64le", "linux/ppc64le/power9") > 0);
    CHECK(match("linux/ppc64le", "linux/ppc64le") > match("linux/ppc64le", "linux/ppc64le/power9"));
    CHECK(match("linux/ppc64le/power8", "linux/ppc64le/power9") == 0);
    CHECK(match("linux/arm/v7", "linux/arm/vfp") == 0);
}

TEST(raw_spellings_match)
{
    const Platform want = {.os = S("linux"), .arch = S("arm64")};
    const Platform raw = {.os = S("Linux"), .arch = S("aarch64"), .variant = S("V8")};
    const Platform arm = {.os = S("linux"), .arch = S("arm")};
    const Platform v7 = {.os = S("linux"), .arch = S("arm"), .variant = S("v7")};

    CHECK(platform_match(&want, &raw) == platform_match(&want, &want));
    CHECK(platform_eq(&want, &raw));
    CHECK(platform_eq(&arm, &v7));
}

TEST(os_version_matches)
{
    const Platform any = {.os = S("windows"), .arch = S("amd64")};
    const Platform one = {.os = S("windows"), .arch = S("amd64"), .os_version = S("10.0.1")};
    const Platform two = {.os = S("windows"), .arch = S("amd64"), .os_version = S("10.0.2")};

    CHECK(platform_match(&any, &one) > 0);
    CHECK(platform_match(&one, &one) > 0);
    CHECK(platform_match(&one, &two) == 0);
    CHECK(platform_match(&one, &any) == 0);
    CHECK(!platform_eq(&one, &two));
}

TEST_MAIN(T(spellings), T(one_word), T(os_version), T(refuses), T(matches), T(raw_spellings_match),
          T(os_version_matches))
