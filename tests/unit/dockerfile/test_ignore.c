/* SPDX-License-Identifier: Apache-2.0 */
/* .dockerignore: lines, patterns, their order; and the matcher against a slow one that is obviously right. */
#include "base/limits.h"
#include "base/path.h"
#include "dockerfile/ignore.h"
#include "test.h"

static Ignore *parse(const char *text)
{
    Ignore *g = NULL;
    Err err;

    CHECK_OK(ignore_parse(S(".dockerignore"), str_from(text), &g, &err));
    return g;
}

/* 'paths' is a list of words; those that are excluded must be 'want'. */
static void check_list(const char *file, int line, const char *text, const char *paths,
                       const char *want)
{
    cleanup_with(ignore_free_at) Ignore *g = parse(text);
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);

    for (Str rest = str_from(paths), p; str_next(&rest, ' ', &p);)
        if (ignore_excludes(g, p))
            buf_addf(&got, got.n ? " " STR_FMT : STR_FMT, STR_ARG(p));
    check_str(file, line, buf_str(&got), str_from(want));
}
#define CHECK_LIST(text, paths, want) check_list(__FILE__, __LINE__, (text), (paths), (want))

TEST(lines)
{
    CHECK_LIST("", "a b", "");
    CHECK_LIST("a", "a b a/b x/a ab", "a a/b");
    CHECK_LIST("\xef\xbb\xbf"
               "a\n",
               "a b", "a");
    CHECK_LIST("a\r\nb\r\n", "a b c", "a b");
    CHECK_LIST("  a \t\n\n   \nb", "a b c", "a b");
    CHECK_LIST("#a\nb", "a #a b", "b");
    CHECK_LIST(" #a", "#a a", "#a"); /* a comment begins in the first column */
    CHECK_LIST("a #b", "a b", "");
    CHECK_LIST("./a/\nb//c\nd/../e\n/f", "a b/c b d e f", "a b/c e f");
    CHECK_LIST("../a\n/../b\n.\n/", "a b c", "b");
    CHECK_LIST("*\n! a \n!\t./b/", "a b c", "c");
    CHECK_LIST("a b", "a b", "");
}

TEST(patterns)
{
    CHECK_LIST("*.go", "a.go x/a.go a.gox .go", "a.go .go");
    CHECK_LIST("*/a", "a x/a x/y/a x/a/b", "x/a x/a/b");
    CHECK_LIST("a?c",
               "abc ac a/c abbc a\xc3\xa4"
               "c",
               "abc a\xc3\xa4"
               "c");
    CHECK_LIST("**", "a a/b", "a a/b");
    CHECK_LIST("*", "a a/b", "a a/b");
    CHECK_LIST("**/x", "x a/x a/b/x ax a/xb x/a", "x a/x a/b/x x/a");
    CHECK_LIST("**x", "x ax a/x a/bx b", "x ax a/x a/bx");
    CHECK_LIST("**/*.go", "a.go x/y/a.go a.gox x.go/y", "a.go x/y/a.go x.go/y");
    CHECK_LIST("a/**", "a a/b a/b/c ab", "a/b a/b/c");
    CHECK_LIST("a**", "a ab a/b ba", "a ab a/b");
    CHECK_LIST("a/**/b", "a/b a/x/b a/x/y/b a/xb a/x/b/c b", "a/b a/x/b a/x/y/b a/x/b/c");
    CHECK_LIST("**/a/**", "a a/b x/a x/a/b", "a/b x/a/b");
    CHECK_LIST("**/a/*/b", "a/x/b y/a/x/b a/b a/x/y/b", "a/x/b y/a/x/b");
    CHECK_LIST("a**b", "ab axb a/b axx/b a/x/b", "ab a/b axx/b a/x/b");
    CHECK_LIST("[ab]c", "ac bc cc", "ac bc");
    CHECK_LIST("[^a]", "a b", "b");
    CHECK_LIST("[a-c]x", "bx dx", "bx");
    CHECK_LIST("a\\*b", "a*b axb", "a*b");
    CHECK_LIST("\\#a", "#a a", "#a");
    CHECK_LIST("a.b(c)+d|e{f}$", "a.b(c)+d|e{f}$ aXb(c)+d|e{f}$", "a.b(c)+d|e{f}$");
}

TEST(order)
{
    CHECK_LIST("a\n!a/b", "a a/b a/b/c a/c", "a a/c");
    CHECK_LIST("!a/b\na", "a a/b", "a a/b");
    CHECK_LIST("*\n!a\na/b", "a a/b a/c x", "a/b x");
    CHECK_LIST("*\n!*.md\nREADME.md", "a.md README.md x", "README.md x");
    CHECK_LIST("**\n!src\nsrc/**/*.o", "src src/a.c src/x/a.o b", "src/x/a.o b");
    CHECK_LIST("a\n!a/b\na/b/c\n!a/b/c/d", "a a/b a/b/c a/b/c/d", "a a/b/c");
}

TEST(errors)
{
    Ignore *g = NULL;
    Str patterns[] = {S("a"), S("[")};
    Err err;

    CHECK_ERR(ignore_parse(S("ctx/.dockerignore"), S("a\n\n!\n"), &g, &err), ERR_SYNTAX,
              "ctx/.dockerignore:3: illegal exclusion pattern: \"!\"");
    CHECK(err.line == 3);
    CHECK_ERR(ignore_parse(S("i"), S("!  "), &g, &err), ERR_SYNTAX, "i:1: illegal exclusion");
    CHECK_ERR(ignore_parse(S("i"), S("a[\n"), &g, &err), ERR_SYNTAX,
              "i:1: syntax error in pattern \"a[\"");
    CHECK_ERR(ignore_parse(S("i"), S("a\\"), &g, &err), ERR_SYNTAX, "syntax error in pattern");
    CHECK_ERR(ignore_parse(S("i"), S("*[]a]"), &g, &err), ERR_SYNTAX, "syntax error in pattern");
    CHECK_ERR(ignore_from_patterns(patterns, 2, &g, &err), ERR_SYNTAX, "syntax error in pattern");
    CHECK(!g);
}

TEST(limits)
{
    char *text = NEW_N(char, LIMIT_DOCKERIGNORE + 1);
    Ignore *g = NULL;
    Err err;

    memset(text, '*', LIMIT_DOCKERIGNORE + 1);
    CHECK_ERR(ignore_parse(S("i"), (Str){text, LIMIT_DOCKERIGNORE + 1}, &g, &err), ERR_LIMIT,
              "i is larger than");
    CHECK_ERR(ignore_parse(S("i"), (Str){text, 4096}, &g, &err), ERR_LIMIT,
              "i:1: pattern is longer than 4095 bytes");
    for (size_t i = 1; i < LIMIT_DOCKERIGNORE; i += 2)
        text[i] = '\n';
    CHECK_ERR(ignore_parse(S("i"), (Str){text, LIMIT_DOCKERIGNORE}, &g, &err), ERR_LIMIT,
              "i:20001: more than 20000 patterns");
    free(text);
}

TEST(nothing)
{
    cleanup_with(ignore_free_at) Ignore *empty = parse("# nothing\n"), *plain = parse("a");
    cleanup_with(ignore_free_at) Ignore *exception = parse("!a");

    CHECK(ignore_is_empty(NULL) && ignore_is_empty(empty) && !ignore_is_empty(plain));
    CHECK(!ignore_has_exceptions(NULL) && !ignore_has_exceptions(plain));
    CHECK(ignore_has_exceptions(exception));
    CHECK(!ignore_excludes(NULL, S("a")) && !ignore_excludes(empty, S("a")));
    CHECK(!ignore_excludes(exception, S("a")) && !ignore_excludes(plain, S("")));
    CHECK(!ignore_may_reinclude(NULL, S("a")));
}

TEST(given_patterns)
{
    Str patterns[] = {S(" *.md "), S(""), S("/sub/"), S("!README.md")};
    cleanup_with(ignore_free_at) Ignore *g = NULL;
    Err err;

    CHECK_OK(ignore_from_patterns(patterns, ARRAY_LEN(patterns), &g, &err));
    CHECK(ignore_excludes(g, S("a.md")) && ignore_excludes(g, S("sub/x")));
    CHECK(!ignore_excludes(g, S("README.md")) && !ignore_excludes(g, S("x/a.md")));
}

static bool may(const char *text, const char *dir)
{
    cleanup_with(ignore_free_at) Ignore *g = parse(text);

    CHECK(ignore_excludes(g, str_from(dir)));
    return ignore_may_reinclude(g, str_from(dir));
}

TEST(descending)
{
    CHECK(!may("a", "a"));
    CHECK(may("a\n!a/b", "a"));
    CHECK(may("*\n!a/b/c", "a/b"));
    CHECK(!may("*\n!a/b/c", "a/x"));
    CHECK(!may("*\n!a/b/c", "ab"));
    CHECK(!may("!a/b\na", "a")); /* overruled */
    CHECK(may("!a/x\na\n!a/b", "a"));
    CHECK(may("*\n!**/b", "a/x/y"));
    CHECK(may("*\n!a/*/c", "a/b"));
    CHECK(!may("*\n!a/*/c", "b"));
    CHECK(!may("*\n!a*", "b"));
    CHECK(may("**\n!docs/**", "docs"));
    CHECK(!may("**\n!docs/**", "src"));
}

/* --- against a slow matcher --- */

/* The pattern's definition, by trying everything. */
static bool slow_match(Str p, Str s, bool at_start)
{
    if (p.n == 0)
        return s.n == 0;
    if (str_starts(p, S("**"))) {
        Str rest = str_skip(p, 2);
        bool slash = str_starts(rest, S("/"));

        if (slash)
            rest = str_skip(rest, 1);
        if (rest.n == 0)
            return true;
        if (at_start && !slash && !glob_has_wildcard(rest))
            return str_ends(s, rest);
        if (slow_match(rest, s, false))
            return true;
        for (size_t i = 0; i < s.n; i++)
            if (s.p[i] == '/' && slow_match(rest, str_skip(s, i + 1), false))
                return true;
        return false;
    }
    if (p.p[0] == '*') {
        for (size_t i = 0;; i++) {
            if (slow_match(str_skip(p, 1), str_skip(s, i), false))
                return true;
            if (i == s.n || s.p[i] == '/')
                return false;
        }
    }
    if (s.n == 0 || (p.p[0] == '?' ? s.p[0] == '/' : p.p[0] != s.p[0]))
        return false;
    return slow_match(str_skip(p, 1), str_skip(s, 1), false);
}

static bool slow_excludes(Str pattern, Str path)
{
    for (size_t i = 1; i <= path.n; i++)
        if ((i == path.n || path.p[i] == '/') && slow_match(pattern, str_head(path, i), true))
            return true;
    return false;
}

/* Some text over an alphabet, the same in every run. */
static Str make_text(uint32_t *seed, const char *alphabet, char *to, size_t max)
{
    size_t n;

    *seed = *seed * 1664525u + 1013904223u;
    n = 1 + (*seed >> 16) % max;
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        to[i] = alphabet[(*seed >> 16) % strlen(alphabet)];
    }
    return (Str){to, n};
}

static bool is_clean(Arena *a, Str path)
{
    return path.p[0] != '/' && !str_ends(path, S("/")) && str_eq(path_clean(a, path), path);
}

TEST(same_as_the_slow_one)
{
    cleanup_arena Arena a = ARENA_INIT;
    char pattern_text[16], path_text[16];
    unsigned matched = 0, tried = 0;
    uint32_t seed = 1;

    for (int i = 0; i < 200000; i++) {
        cleanup_with(ignore_free_at) Ignore *g = NULL;
        Str pattern = make_text(&seed, "ab/**?", pattern_text, 8);
        Str path = make_text(&seed, "ab/", path_text, 9);
        Err err;

        if (!is_clean(&a, pattern) || !is_clean(&a, path))
            continue;
        CHECK_OK(ignore_from_patterns(&pattern, 1, &g, &err));
        tried++;
        matched += slow_excludes(pattern, path);
        if (ignore_excludes(g, path) == slow_excludes(pattern, path))
            continue;
        fprintf(stderr, "pattern " STR_FMT ", path " STR_FMT "\n", STR_ARG(pattern), STR_ARG(path));
        CHECK(!"the same answer");
    }
    CHECK(tried > 10000 && matched > 1000 && matched < tried);
}

/* Whatever an exception can reach must not be below a directory that is not descended into. */
TEST(descending_misses_nothing)
{
    cleanup_arena Arena a = ARENA_INIT;
    char pattern_text[16], path_text[16];
    uint32_t seed = 7;
    unsigned kept = 0, skipped = 0;

    for (int i = 0; i < 200000; i++) {
        cleanup_with(ignore_free_at) Ignore *g = NULL;
        Str exception = make_text(&seed, "ab/**?", pattern_text, 8);
        Str path = make_text(&seed, "ab/", path_text, 9), dir, base, rules[2];
        Err err;

        if (!is_clean(&a, exception) || !is_clean(&a, path) ||
            !str_cut_last(path, '/', &dir, &base))
            continue;
        rules[0] = S("**");
        rules[1] = str_fmt_in(&a, "!" STR_FMT, STR_ARG(exception));
        CHECK_OK(ignore_from_patterns(rules, 2, &g, &err));
        if (!ignore_excludes(g, dir))
            continue;
        if (!ignore_may_reinclude(g, dir)) {
            skipped++;
            CHECK(ignore_excludes(g, path));
        }
        kept += !ignore_excludes(g, path);
    }
    CHECK(kept > 100 && skipped > 100);
}

/* 'n' times 'part' and a "b", against a long path with none; in time that is not noticed. */
static void check_hostile(const char *part, int n)
{
    cleanup_buf Buf pattern = BUF_INIT(8192), path = BUF_INIT(8192);
    cleanup_with(ignore_free_at) Ignore *g = NULL;

    for (int i = 0; i < n; i++)
        buf_add_z(&pattern, part);
    buf_add_z(&pattern, "b");
    for (int i = 0; i < 2000; i++)
        buf_add_z(&path, "a/");
    buf_add_z(&path, "a");
    g = parse(buf_z(&pattern));
    CHECK(!ignore_excludes(g, buf_str(&path)));
    CHECK(!ignore_may_reinclude(g, buf_str(&path)));
}

TEST(hostile)
{
    check_hostile("**/a*", 800);
    check_hostile("**/", 1300);
    check_hostile("?*", 2000);
}

/* A hundred thousand paths and a hundred patterns. */
TEST(many)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_with(ignore_free_at) Ignore *g = NULL;
    unsigned excluded = 0;

    for (int i = 0; i < 25; i++)
        buf_addf(&text, "**/node_modules%d\nbuild%d/**/*.o\n**/*.tmp%d\n/dist/part%d\n", i, i, i,
                 i);
    buf_add_z(&text, "!**/keep.tmp1\n");
    g = parse(buf_z(&text));
    for (int i = 0; i < 100000; i++) {
        char path[128];
        int n = snprintf(path, sizeof(path), "src/module%d/sub%d/some/deeper/file%d.%s", i % 300,
                         i % 17, i, i % 10 ? "c" : "tmp7");

        excluded += ignore_excludes(g, (Str){path, (size_t)n});
    }
    CHECK(excluded == 10000);
}

TEST_MAIN(T(lines), T(patterns), T(order), T(errors), T(limits), T(nothing), T(given_patterns),
          T(descending), T(same_as_the_slow_one), T(descending_misses_nothing), T(hostile), T(many))
