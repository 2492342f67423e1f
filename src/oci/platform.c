/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platforms come in many spellings (Go's, uname's, Debian's). Everything is first brought to Go's
 * spelling by two tables; then a CPU variant is a step on a ladder: a machine runs what was made for
 * its own step and for the steps below.
 */
#include "oci/platform.h"

#include <sys/utsname.h>

#include "base/num.h"

static const struct {
    const char *alias, *arch;
    const char *variant; /* what the alias implies; NULL = nothing */
} arch_aliases[] = {
    {"x86_64", "amd64", NULL},  {"x86-64", "amd64", NULL}, {"i386", "386", ""},
    {"aarch64", "arm64", NULL}, {"armhf", "arm", "v7"},    {"armel", "arm", "v6"},
};

static const struct {
    const char *arch, *from, *to;
} variant_aliases[] = {
    {"amd64", "v1", ""},  {"arm64", "8", ""},     {"arm64", "v8", ""},     {"arm64", "v8.0", ""},
    {"arm64", "9", "v9"}, {"arm64", "9.0", "v9"}, {"arm64", "v9.0", "v9"}, {"arm", "", "v7"},
    {"arm", "5", "v5"},   {"arm", "6", "v6"},     {"arm", "7", "v7"},      {"arm", "8", "v8"},
};

/* What "linux" or "arm64" alone may be; everything else needs both words. */
static const char *const known_os[] = {
    "aix",   "android", "darwin",  "dragonfly", "freebsd", "illumos", "js",
    "linux", "netbsd",  "openbsd", "plan9",     "solaris", "wasip1",  "windows",
};
static const char *const known_arch[] = {
    "386",      "amd64",  "arm",   "arm64",   "loong64", "mips",  "mips64",
    "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
};

static bool same(Str a, const char *z)
{
    return str_eq_nocase(a, str_from(z));
}

static bool listed(Str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same(s, list[i]))
            return true;
    return false;
}

static Platform normal(const Platform *p)
{
    Platform n = *p;

    if (same(n.os, "macos"))
        n.os = S("darwin");
    for (size_t i = 0; i < ARRAY_LEN(arch_aliases); i++) {
        if (!same(p->arch, arch_aliases[i].alias))
            continue;
        n.arch = str_from(arch_aliases[i].arch);
        if (arch_aliases[i].variant)
            n.variant = str_from(arch_aliases[i].variant);
    }
    for (size_t i = 0; i < ARRAY_LEN(variant_aliases); i++) {
        if (same(n.arch, variant_aliases[i].arch) && same(n.variant, variant_aliases[i].from)) {
            n.variant = str_from(variant_aliases[i].to);
            break;
        }
    }
    return n;
}

static bool is_word(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", s.p[i]) ||
            !s.p[i])
            return false;
    return s.n > 0;
}

static int bad(Err *err, Str text, const char *why)
{
    Str shown = str_head(text, text.n < 100 ? text.n : 100);

    return err_set(err, ERR_USAGE, "invalid platform \"" STR_FMT "\": %s", STR_ARG(shown), why);
}

/* "os/arch/variant" -> up to three words; false when one is malformed or there are more. */
static bool split_words(Str text, Str words[3], size_t *ret_n)
{
    size_t n = 0;

    for (Str rest = text, word; str_next(&rest, '/', &word);) {
        if (n == 3 || !is_word(word))
            return false;
        words[n++] = word;
    }
    *ret_n = n;
    return n > 0;
}

static int from_words(Str text, const Str words[3], size_t n, Platform *ret, Err *err)
{
    Platform alone = {.arch = words[0]}, host = platform_host();

    if (n >= 2) {
        *ret = (Platform){.os = words[0], .arch = words[1], .variant = n == 3 ? words[2] : S("")};
        return 0;
    }
    alone = normal(&alone);
    if (listed(words[0], known_os, ARRAY_LEN(known_os)) || same(words[0], "macos"))
        *ret = (Platform){.os = words[0], .arch = host.arch, .variant = host.variant};
    else if (listed(alone.arch, known_arch, ARRAY_LEN(known_arch)))
        *ret = (Platform){.os = host.os, .arch = alone.arch, .variant = alone.variant};
    else
        return bad(err, text, "neither an operating system nor an architecture; want os/arch");
    return 0;
}

int platform_parse(Arena *a, Str text, Platform *ret, Err *err)
{
    Str words[3], head, version = S("");
    Platform p;
    size_t n;

    if (str_cut(text, ':', &head, &version) && !is_word(version))
        return bad(err, text, "malformed version of the operating system");
    if (!split_words(version.n ? head : text, words, &n))
        return bad(err, text, "want os/arch or os/arch/variant");
    TRY(from_words(text, words, n, &p, err));
    p = normal(&p);
    *ret = (Platform){
        .os = str_lower_in(a, p.os),
        .arch = str_lower_in(a, p.arch),
        .variant = str_lower_in(a, p.variant),
        .os_version = str_dup_in(a, version),
    };
    return 0;
}

/* The 32-bit ARMs differ in what they run, and one binary serves them all: ask the kernel. */
static Str host_arm_variant(void)
{
    struct utsname u;

    if (uname(&u) == 0 && strncmp(u.machine, "armv5", 5) == 0)
        return S("v5");
    if (uname(&u) == 0 && strncmp(u.machine, "armv6", 5) == 0)
        return S("v6");
    return S("v7");
}

Platform platform_host(void)
{
    Platform p = {.os = S("linux"), .variant = S(""), .os_version = S("")};

#if defined(__x86_64__)
    p.arch = S("amd64");
#elif defined(__aarch64__)
    p.arch = S("arm64");
#elif defined(__arm__)
    p.arch = S("arm");
#elif defined(__i386__)
    p.arch = S("386");
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    p.arch = S("ppc64le");
#elif defined(__s390x__)
    p.arch = S("s390x");
#elif defined(__riscv) && __riscv_xlen == 64
    p.arch = S("riscv64");
#elif defined(__loongarch64)
    p.arch = S("loong64");
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    p.arch = S("mips64le");
#else
#error "name this architecture as Go does"
#endif
    if (str_eq(p.arch, S("arm")))
        p.variant = host_arm_variant();
    return p;
}

Str platform_format(Arena *a, const Platform *p)
{
    return str_fmt_in(a, STR_FMT "/" STR_FMT "%s" STR_FMT, STR_ARG(p->os), STR_ARG(p->arch),
                      p->variant.n ? "/" : "", STR_ARG(p->variant));
}

bool platform_eq(const Platform *a, const Platform *b)
{
    Platform x = normal(a), y = normal(b);

    return str_eq_nocase(x.os, y.os) && str_eq_nocase(x.arch, y.arch) &&
           str_eq_nocase(x.variant, y.variant) && str_eq(x.os_version, y.os_version);
}

/* "v8.2" -> 802; the empty variant is the architecture's first step. False: not a ladder. */
static bool variant_step(Str arch, Str variant, unsigned *ret)
{
    Str major, minor = S("0");
    uint64_t x, y;

    if (variant.n == 0)
        variant = same(arch, "arm64") ? S("v8") : S("v1");
    if (variant.p[0] != 'v' && variant.p[0] != 'V')
        return false;
    variant = str_skip(variant, 1);
    if (!str_cut(variant, '.', &major, &minor))
        major = variant;
    if (!num_parse_u64(major, 99, &x) || !num_parse_u64(minor, 99, &y))
        return false;
    *ret = (unsigned)(x * 100 + y);
    return true;
}

static bool has_ladder(Str arch)
{
    return same(arch, "amd64") || same(arch, "arm") || same(arch, "arm64");
}

enum {
    MATCH_EXACT = 100000,
    MATCH_LOOSE = 1 /* one side names a variant of an architecture that has no ladder */
};

static unsigned variant_match(Str arch, Str want, Str have)
{
    unsigned w, h;

    if (str_eq_nocase(want, have))
        return MATCH_EXACT;
    if (!has_ladder(arch))
        return want.n == 0 || have.n == 0 ? MATCH_LOOSE : 0;
    if (!variant_step(arch, want, &w) || !variant_step(arch, have, &h) || h > w)
        return 0;
    return MATCH_EXACT - (w - h);
}

unsigned platform_match(const Platform *want, const Platform *have)
{
    Platform w = normal(want), h = normal(have);

    if (!str_eq_nocase(w.os, h.os) || !str_eq_nocase(w.arch, h.arch))
        return 0;
    if (w.os_version.n && !str_eq(w.os_version, h.os_version))
        return 0;
    return variant_match(w.arch, w.variant, h.variant);
}
