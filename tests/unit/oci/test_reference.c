/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"
#include "test.h"

#define HEX   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA   "sha256:" HEX
#define LONG8 "abcdefgh"
#define LONG128 \
    LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8 LONG8

static const struct {
    const char *text, *registry, *repository, *tag;
    const char *familiar; /* NULL: the full form */
    bool digest;
} good[] = {
    {"debian", "docker.io", "library/debian", "latest", "debian:latest", false},
    {"debian:12", "docker.io", "library/debian", "12", "debian:12", false},
    {"debian@" SHA, "docker.io", "library/debian", "", "debian@" SHA, true},
    {"debian:12@" SHA, "docker.io", "library/debian", "12", "debian:12@" SHA, true},
    {"user/app", "docker.io", "user/app", "latest", "user/app:latest", false},
    {"library/debian", "docker.io", "library/debian", "latest", "debian:latest", false},
    {"library/a/b", "docker.io", "library/a/b", "latest", "library/a/b:latest", false},
    {"docker.io/debian", "docker.io", "library/debian", "latest", "debian:latest", false},
    {"index.docker.io/debian:9", "docker.io", "library/debian", "9", "debian:9", false},
    {"index.docker.io/user/app", "docker.io", "user/app", "latest", "user/app:latest", false},
    /* a part after the hub that looks like a host must keep the hub's name */
    {"docker.io/my.org/app", "docker.io", "my.org/app", "latest", NULL, false},
    {"docker.io/localhost/app", "docker.io", "localhost/app", "latest", NULL, false},
    /* the first part is a registry iff it has a dot, a colon, a capital or is localhost */
    {"localhost/app", "localhost", "app", "latest", NULL, false},
    {"localhost:5000/x", "localhost:5000", "x", "latest", NULL, false},
    {"localhost:5000/a/b:v1", "localhost:5000", "a/b", "v1", NULL, false},
    {"localhost:5000", "docker.io", "library/localhost", "5000", "localhost:5000", false},
    {"gcr.io/a/b/c/d:x", "gcr.io", "a/b/c/d", "x", NULL, false},
    {"gcr.io/app", "gcr.io", "app", "latest", NULL, false},
    {"REG/app", "REG", "app", "latest", NULL, false},
    {"Reg.Example.com:443/app:T.a-g_", "Reg.Example.com:443", "app", "T.a-g_", NULL, false},
    {"10.0.0.1/app", "10.0.0.1", "app", "latest", NULL, false},
    {"10.0.0.1:80/app@" SHA, "10.0.0.1:80", "app", "", NULL, true},
    {"[::1]/app", "[::1]", "app", "latest", NULL, false},
    {"[::1]:5000/app:1", "[::1]:5000", "app", "1", NULL, false},
    {"[2001:DB8::7]:65535/a/b", "[2001:DB8::7]:65535", "a/b", "latest", NULL, false},
    {"xn--bcher-kva.example/app", "xn--bcher-kva.example", "app", "latest", NULL, false},
    {"reg.io:5000/a:5000", "reg.io:5000", "a", "5000", NULL, false},
    /* separators inside path parts */
    {"a.b/c_d/e__f/g-h/i---j", "a.b", "c_d/e__f/g-h/i---j", "latest", NULL, false},
    {"a_b.com", "docker.io", "library/a_b.com", "latest", "a_b.com:latest", false},
    {"foo_bar:8080", "docker.io", "library/foo_bar", "8080", "foo_bar:8080", false},
    {"0/1:2", "docker.io", "0/1", "2", "0/1:2", false},
    {"sha256:" HEX, "docker.io", "library/sha256", HEX, "sha256:" HEX, false},
    {HEX ":tag", "docker.io", "library/" HEX, "tag", HEX ":tag", false},
    {"x:" LONG128, "docker.io", "library/x", LONG128, "x:" LONG128, false},
    {"x:_", "docker.io", "library/x", "_", "x:_", false},
};

TEST(grammar)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Reference r, again;
        Str full;
        Err err;

        CHECK_OK(reference_parse(&a, str_from(good[i].text), &r, &err));
        CHECK_STR(r.registry, str_from(good[i].registry));
        CHECK_STR(r.repository, str_from(good[i].repository));
        CHECK_STR(r.tag, str_from(good[i].tag));
        CHECK(digest_is_set(&r.digest) == good[i].digest);
        full = reference_format(&a, &r);
        CHECK_STR(reference_familiar(&a, &r), good[i].familiar ? str_from(good[i].familiar) : full);

        /* what is written can be read again, in both forms */
        CHECK_OK(reference_parse(&a, full, &again, &err));
        CHECK_STR(reference_format(&a, &again), full);
        CHECK_OK(reference_parse(&a, reference_familiar(&a, &r), &again, &err));
        CHECK_STR(reference_format(&a, &again), full);
    }
}

TEST(refuses)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "empty"},
        {":", "no repository"},
        {":tag", "no repository"},
        {"@" SHA, "no repository"},
        {"localhost:5000/", "no repository"},
        {"docker.io/", "no repository"},
        {"x:", "a tag is made of"},
        {"x:.a", "a tag is made of"},
        {"x:-a", "a tag is made of"},
        {"x:a b", "a tag is made of"},
        {"x:a/b", "no registry"},
        {"x:a:b", "a tag is made of"},
        {"x:" LONG128 "a", "a tag is made of"},
        {"x@", "is no digest"},
        {"x@sha256:abc", "64 lower-case"},
        {"x@" SHA "@" SHA, "64 lower-case"},
        {"x@latest", "is no digest"},
        {"Debian", "lower case"},
        {"user/App", "lower case"},
        {"reg.io/user/App:1", "lower case"},
        {HEX, "image ID"},
        {"https://reg.io/app", "scheme"},
        {"docker://app", "scheme"},
        {" debian", "a-z"},
        {"debian ", "a-z"},
        {"debian\n", "a-z"},
        {"a//b", "a-z"},
        {"/a", "a-z"},
        {"a/", "a-z"},
        {"reg.io/a/", "a-z"},
        {"../a", "no registry"},
        {"reg.io/../etc", "a-z"},
        {"a..b", "a-z"},
        {"a___b", "a-z"},
        {"a._b", "a-z"},
        {"-a", "a-z"},
        {"a-", "a-z"},
        {"_a", "a-z"},
        {"a_", "a-z"},
        {"a/-b", "a-z"},
        {"a$b", "a-z"},
        {"\xc3\xa9", "a-z"},
        {"reg.io:/a", "no registry"},
        {"reg.io:0/a", "no registry"},
        {"reg.io:65536/a", "no registry"},
        {"reg.io:80:80/a", "no registry"},
        {"reg.io:8o/a", "no registry"},
        {"-reg.io/a", "no registry"},
        {"reg-.io/a", "no registry"},
        {"reg..io/a", "no registry"},
        {"reg_x.io/a", "no registry"},
        {".io/a", "no registry"},
        {"user:pass@reg.io/a", "is no digest"},
        {"[::1/a", "no registry"},
        {"[::1]x/a", "no registry"},
        {"[::1]:/a", "no registry"},
        {"[1]/a", "a-z"},
        {"[::g]/a", "no registry"},
        {"[::1%eth0]/a", "no registry"},
        {"::1/a", "no registry"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Reference r = {.tag = S("untouched")};
        Err err;

        CHECK_ERR(reference_parse(&a, str_from(bad[i].text), &r, &err), ERR_USAGE, bad[i].why);
        CHECK(strstr(err.msg, "invalid image reference \""));
        CHECK_STR(r.tag, S("untouched"));
    }
}

TEST(other_digests_are_unsupported)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference r;
    Err err;

    CHECK_ERR(reference_parse(&a, S("x@sha512:" HEX HEX), &r, &err), ERR_UNSUPPORTED, "sha256");
}

/* A name of n characters: "aaa...". */
static Str name_of(Arena *a, size_t n)
{
    char *z = arena_new_n(a, char, n + 1);

    memset(z, 'a', n);
    return (Str){z, n};
}

TEST(lengths)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str fits = str_fmt_in(&a, "r.io/" STR_FMT, STR_ARG(name_of(&a, 255)));
    Str over = str_fmt_in(&a, "r.io/" STR_FMT, STR_ARG(name_of(&a, 256)));
    Reference r;
    Err err;

    CHECK_OK(reference_parse(&a, fits, &r, &err));
    CHECK_ERR(reference_parse(&a, over, &r, &err), ERR_USAGE, "longer than 255");
    /* "library/" counts */
    CHECK_OK(reference_parse(&a, name_of(&a, 247), &r, &err));
    CHECK_ERR(reference_parse(&a, name_of(&a, 248), &r, &err), ERR_USAGE, "longer than 255");
    CHECK_ERR(reference_parse(&a, name_of(&a, 100000), &r, &err), ERR_USAGE, "...\": it is longer");
}

TEST(hosts_and_keys)
{
    cleanup_arena Arena a = ARENA_INIT;
    Reference r;
    Err err;

    CHECK_OK(reference_parse(&a, S("debian:12@" SHA), &r, &err));
    CHECK_STR(reference_host(&r), S("registry-1.docker.io"));
    CHECK_STR(reference_manifest_key(&r), S(SHA));
    CHECK_OK(reference_parse(&a, S("[::1]:5000/x"), &r, &err));
    CHECK_STR(reference_host(&r), S("[::1]:5000"));
    CHECK_STR(reference_manifest_key(&r), S("latest"));
}

TEST_MAIN(T(grammar), T(refuses), T(other_digests_are_unsupported), T(lengths), T(hosts_and_keys))
