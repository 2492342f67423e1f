/* SPDX-License-Identifier: Apache-2.0 */
/* Words: quotes, escapes, variables, operators, patterns. */
#include "base/limits.h"
#include "dockerfile/expand.h"
#include "test.h"

/* The environment of every case below. */
static bool lookup(void *ctx, Str name, Str *ret)
{
    static const char *const env[][2] = {
        {"v", "value"},
        {"empty", ""},
        {"two", "a b"},
        {"path", "/a/b/c.tar.gz"},
        {"stars", "a*b*c"},
        {"q", "\"x'"},
        {"dollar", "$v"},
        {"gr\xc3\xb6\xc3\x9f"
         "e",
         "7"},
        {"utf", "\xc3\xa4\xc3\xb6\xc3\xbc"},
        {"_a1", "u"},
        {"slash", "a/b"},
        {"back", "a\\b"},
        {"braces", "{}"},
        {"spaces", "  x \t y  "},
    };

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(env); i++) {
        if (str_eq(name, str_from(env[i][0]))) {
            *ret = str_from(env[i][1]);
            return true;
        }
    }
    return false;
}

typedef struct Case {
    const char *word, *want;
} Case;

static void check_with(char escape, bool keep_quotes, const char *word, const char *want)
{
    const Expander x = {.escape = escape, .lookup = lookup, .keep_quotes = keep_quotes};
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Err err;

    buf_add_char(&out, '>');
    if (expand_word(&x, str_from(word), &out, &err) < 0) {
        fprintf(stderr, "%s: %s\n", word, err.msg);
        abort();
    }
    if (!str_eq(str_skip(buf_str(&out), 1), str_from(want)))
        fprintf(stderr, "expanding %s:\n", word);
    CHECK_STR(str_skip(buf_str(&out), 1), str_from(want));
}

static void check_all(const Case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_with('\\', false, cases[i].word, cases[i].want);
}

static void check_errors(const Case *cases, size_t n)
{
    const Expander x = {.escape = '\\', .lookup = lookup};

    for (size_t i = 0; i < n; i++) {
        cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
        Err err;

        buf_add_z(&out, "before");
        CHECK_ERR(expand_word(&x, str_from(cases[i].word), &out, &err), ERR_SYNTAX, cases[i].want);
        CHECK(strncmp(err.msg, "failed to process \"", 19) == 0);
        CHECK_STR(buf_str(&out), S("before"));
    }
}

TEST(quotes_and_escapes)
{
    static const Case cases[] = {
        {"", ""},
        {"abc", "abc"},
        {"a b", "a b"},
        {"'a b'", "a b"},
        {"a'b'c", "abc"},
        {"''", ""},
        {"'$v\\n\"'", "$v\\n\""},
        {"\"a b\"", "a b"},
        {"\"$v\"", "value"},
        {"\"it's\"", "it's"},
        {"\\a\\ \\$\\\\", "a $\\"},
        {"a\\", "a"},
        {"\\\"a", "\"a"},
        {"\\'a\\'", "'a'"},
        {"\"\\\"\\$\\\\\"", "\"$\\"},
        {"\"\\a\\ \\'\"", "\\a\\ \\'"},
        {"\"$v'$v'\"", "value'value'"},
        {"\\$v", "$v"},
        {"$dollar", "$v"}, /* once only */
        {"$q", "\"x'"},
        {"\\\xc3\xa4", "\xc3\xa4"},
        {"\xff\\\xff", "\xff\xff"},
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(other_escape_character)
{
    check_with('`', false, "a`b\\c", "ab\\c");
    check_with('`', false, "`$v \\$v", "$v \\value");
    check_with('`', false, "\"`\"`a\\\"", "\"`a\\");
    check_with('`', false, "${empty:-a`}b}", "a}b");
    check_with('`', false, "a`", "a");
}

TEST(quotes_kept)
{
    check_with('\\', true, "'$v' \"$v\"", "'value' \"value\"");
    check_with('\\', true, "it's \\$v \\\\ \\x \\\n.", "it's $v \\ x \n.");
    check_with('\\', true, "\"a", "\"a");
    check_with('\\', true, "${empty:-'a'}", "'a'");
    check_with('\\', true, "a\n$v\n", "a\nvalue\n");
}

TEST(names)
{
    static const Case cases[] = {
        {"$v", "value"},
        {"${v}", "value"},
        {"$v.$v", "value.value"},
        {"$vv", ""},
        {"${v}v", "valuev"},
        {"$_a1-", "u-"},
        {"$gr\xc3\xb6\xc3\x9f"
         "e",
         "7"},
        {"${gr\xc3\xb6\xc3\x9f"
         "e}",
         "7"},
        {"$v\xe2\x82\xac", "value\xe2\x82\xac"}, /* no letter */
        {"$unset", ""},
        {"a${unset}b", "ab"},
        {"$1v", "v"},
        {"$12v", "v"},
        {"${12}", ""},
        {"$\xd9\xa3v", "v"}, /* a digit, too */
        {"$@$*$#$?$-$!$0", ""},
        {"$$v", "v"},
        {"${@}${?}", ""},
        {"$", "$"},
        {"a$", "a$"},
        {"$ v", "$ v"},
        {"$.v", "$.v"},
        {"$'v'", "$v"},
        {"\"$\"", "$"},
        {"$\\v", "$v"},
        {"$(v)", "$(v)"},
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(defaults)
{
    static const Case cases[] = {
        {"${v-w}", "value"},
        {"${empty-w}", ""},
        {"${unset-w}", "w"},
        {"${unset-}", ""},
        {"${v:-w}", "value"},
        {"${empty:-w}", "w"},
        {"${unset:-w}", "w"},
        {"${v+w}", "w"},
        {"${empty+w}", "w"},
        {"${unset+w}", ""},
        {"${v:+w}", "w"},
        {"${empty:+w}", ""},
        {"${unset:+w}", ""},
        {"${v?w}", "value"},
        {"${empty?w}", ""},
        {"${v:?w}", "value"},
        {"${unset:-$v}", "value"},
        {"${unset:-${v}}", "value"},
        {"${unset:-${empty:-${v}}}.", "value."},
        {"${unset:-a\\}b}", "a}b"},
        {"${unset:-\"a b\"}", "a b"},
        {"${unset:-'a}b'}", "a}b"},
        {"${unset:-\"}\"}", "}"},
        {"${unset:-a:b-c}", "a:b-c"},
        {"${unset:-a b}", "a b"},
        {"\"${unset:-a b}\"", "a b"},
        {"\"${unset:-\"a\"}\"", "a"},
        {"${unset--}", "-"},
        {"${-}", ""},
        {"${--x}", "x"},
        {"${unset:-{}", "{"},
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(trimming)
{
    static const Case cases[] = {
        {"${path#/}", "a/b/c.tar.gz"},
        {"${path#*/}", "a/b/c.tar.gz"},
        {"${path##*/}", "c.tar.gz"},
        {"${path%.*}", "/a/b/c.tar"},
        {"${path%%.*}", "/a/b/c"},
        {"${path%/*}", "/a/b"},
        {"${path%%/*}", ""},
        {"${path#x}", "/a/b/c.tar.gz"},
        {"${path#}", "/a/b/c.tar.gz"},
        {"${path##}", "/a/b/c.tar.gz"},
        {"${path%}", "/a/b/c.tar.gz"},
        {"${path#*}", "/a/b/c.tar.gz"},
        {"${path##*}", ""},
        {"${path%*}", "/a/b/c.tar.gz"},
        {"${path%%*}", ""},
        {"${path#?a?}", "b/c.tar.gz"},
        {"${path%?gz}", "/a/b/c.tar"},
        {"${path##/*/*.}", "gz"},
        {"${path#/*/*.}", "tar.gz"},
        {"${path%.*z}", "/a/b/c.tar"},
        {"${path%%.*z}", "/a/b/c"},
        {"${stars#a\\*}", "b*c"},
        {"${stars%%\\**}", "a"},
        {"${stars%\\**}", "a*b"},
        {"${v#[v]}", "value"}, /* no classes */
        {"${v#v.*}", "value"},
        {"${slash#a\\/}", "b"},
        {"${braces#{}", "}"},
        {"${braces%\\}}", "{"},
        {"${back#a\\\\}", "b"},
        {"${utf#?}", "\xc3\xb6\xc3\xbc"},
        {"${utf%?}", "\xc3\xa4\xc3\xb6"},
        {"${utf#\xc3\xa4}", "\xc3\xb6\xc3\xbc"},
        {"${unset#a}", ""},
        {"${empty%%*}", ""},
        {"${path##*$slash}", "/c.tar.gz"},
        {"${slash#${v:+a}}", "/b"},
        {"${path##*'/'}", "c.tar.gz"},
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(replacing)
{
    static const Case cases[] = {
        {"${path/a/X}", "/X/b/c.tar.gz"},
        {"${path//a/X}", "/X/b/c.tXr.gz"},
        {"${path/x/X}", "/a/b/c.tar.gz"},
        {"${path/\\//X}", "Xa/b/c.tar.gz"},
        {"${path//\\//X}", "XaXbXc.tar.gz"},
        {"${path/a*/X}", "/X"},
        {"${path/b*r/X}", "/a/X.gz"},
        {"${path//?.?/X}", "/a/b/XaXz"},
        {"${path/*/X}", "X"},
        {"${path//*/X}", "X"},
        {"${v//l/}", "vaue"},
        {"${v/alu/}", "ve"},
        {"${empty//*/X}", "X"},
        {"${empty/a/X}", ""},
        {"${unset/a/X}", ""},
        {"${v//\\*/X}", "value"},
        {"${stars//\\*/-}", "a-b-c"},
        {"${stars/\\**\\*/-}", "a-c"},
        {"${two/ /_}", "a_b"},
        {"${two/\" \"/_}", "a_b"},
        {"${v/$v/$slash}", "a/b"},
        {"${v/a/$dollar}", "v$vlue"},
        {"${v//$empty/-}", "-v-a-l-u-e-"},
        {"${v//\\?/-}", "value"},
        {"${v//[a]/-}", "value"},
        {"${utf//?/x}", "xxx"},
        {"${v/a/${unset:-Z}}", "vZlue"},
    };

    check_all(cases, ARRAY_LEN(cases));
}

TEST(mistakes)
{
    static const Case cases[] = {
        {"'a", "unexpected end of statement while looking for matching single-quote"},
        {"\"a", "unexpected end of statement while looking for matching double-quote"},
        {"a\"b'c\"d'", "matching single-quote"},
        {"${}", "syntax error: bad substitution"},
        {"${{a}", "syntax error: bad substitution"},
        {"${:a}", "syntax error: bad substitution"},
        {"${", "syntax error: missing '}'"},
        {"${v", "syntax error: missing '}'"},
        {"${v-", "syntax error: missing '}'"},
        {"${v:", "syntax error: missing '}'"},
        {"${v-${v}", "syntax error: missing '}'"},
        {"${v-'}", "syntax error: missing '}'"},
        {"${v/a", "syntax error: missing '/' in ${}"},
        {"${v/a}", "syntax error: missing '/' in ${}"},
        {"${v/a/b", "syntax error: missing '}'"},
        {"${v=a}", "unsupported modifier (=) in substitution"},
        {"${v:=a}", "unsupported modifier (:=) in substitution"},
        {"${v:#a}", "unsupported modifier (:#) in substitution"},
        {"${v:%a}", "unsupported modifier (:%) in substitution"},
        {"${v:1}", "unsupported modifier (:1) in substitution"},
        {"${v^}", "unsupported modifier (^) in substitution"},
        {"${v\xc3\x97}", "unsupported modifier (\xc3\x97) in substitution"},
        {"${#v}", "unsupported modifier (v) in substitution"},
        {"${v.a}", "unsupported modifier (.) in substitution"},
        {"${unset?}", "unset: is not allowed to be unset"},
        {"${unset?no}", "unset: no"},
        {"${unset:?no $v}", "unset: no value"},
        {"${empty:?}", "empty: is not allowed to be empty"},
        {"${empty:?no}", "empty: no"},
        {"${v#a\\b}", "invalid pattern (a\\b) in substitution: invalid escape '\\b'"},
        {"${v%a\\b}", "invalid escape '\\b'"},
        {"${v/a\\b/c}", "invalid escape '\\b'"},
        {"${braces#\\{}", "invalid escape '\\{'"},
        {"a ${}", "failed to process \"a ${}\": syntax error"},
        {"${unset?\"x\"}", "failed to process \"${unset?\\\"x\\\"}\": unset: x"},
    };

    check_errors(cases, ARRAY_LEN(cases));
}

static void check_words(const char *word, const char *want)
{
    const Expander x = {.escape = '\\', .lookup = lookup};
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    StrVec words = {0};
    Err err;

    CHECK_OK(expand_words(&x, &a, str_from(word), &words, &err));
    vec_foreach(w, &words)
        buf_addf(&got, "[" STR_FMT "]", STR_ARG(*w));
    vec_done(&words);
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(splitting)
{
    check_words("", "");
    check_words("a", "[a]");
    check_words(" a  b\t", "[a][b]");
    check_words("$two", "[a][b]");
    check_words("x$two.y", "[xa][b.y]");
    check_words("\"$two\"", "[a b]");
    check_words("'a b'", "[a b]");
    check_words("a\\ b", "[a b]");
    check_words("$spaces", "[x][y]");
    check_words("a$unset", "[a]");
    check_words("$unset $empty ''", "");
    check_words("${unset:-\"a b\"}",
                "[a][b]"); /* a variable's value is split, quoted inside or not */
    check_words("a\xc2\xa0"
                "b",
                "[a][b]");
    check_words("80 $unset 90", "[80][90]");
}

TEST(splitting_leaves_nothing_behind)
{
    const Expander x = {.escape = '\\', .lookup = lookup};
    cleanup_arena Arena a = ARENA_INIT;
    StrVec words = {0};
    Err err;

    CHECK_OK(expand_words(&x, &a, S("a"), &words, &err));
    CHECK_ERR(expand_words(&x, &a, S("b c ${}"), &words, &err), ERR_SYNTAX, "failed to process");
    CHECK(words.n == 1);
    CHECK_STR(words.v[0], S("a"));
    vec_done(&words);
}

TEST(unset_names)
{
    StrVec unset = {0};
    const Expander x = {.escape = '\\', .lookup = lookup, .unset = &unset};
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL);
    Str word = S("$v $a ${b} ${c:-$d} ${e+f} '$g' \"$h\" \\$i ${v:-$j}");
    Err err;

    CHECK_OK(expand_word(&x, word, &out, &err));
    vec_foreach(name, &unset) {
        CHECK(name->p > word.p && name->p < word.p + word.n);
        buf_addf(&got, STR_FMT " ", STR_ARG(*name));
    }
    CHECK_STR(buf_str(&got), S("a b d h j "));
    vec_done(&unset);
}

static bool long_lookup(void *ctx, Str name, Str *ret)
{
    (void)name;
    *ret = *(Str *)ctx;
    return true;
}

static char *repeat(const char *part, size_t times)
{
    cleanup_buf Buf b = BUF_INIT((size_t)8 << 20);

    for (size_t i = 0; i < times; i++)
        buf_add_z(&b, part);
    return buf_take(&b);
}

TEST(limits)
{
    cleanup_free char *value = repeat("ab", LIMIT_EXPANSION / 4);
    cleanup_free char *deep = repeat("${x+", 101), *stars = repeat("*a", 3000);
    Str s = str_from(value);
    const Expander x = {.escape = '\\', .lookup = long_lookup, .ctx = &s};
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION), word = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(expand_word(&x, S("$a$b"), &out, &err));
    buf_truncate(&out, 0);
    CHECK_ERR(expand_word(&x, S("$a$b$c"), &out, &err), ERR_LIMIT, "is larger than");
    CHECK(out.n == 0);
    CHECK_ERR(expand_word(&x, S("${a//b/bbbbbb}"), &out, &err), ERR_LIMIT, "is larger than");
    CHECK_ERR(expand_word(&x, S("${a:+$a$b$c}"), &out, &err), ERR_LIMIT, "is larger than");
    CHECK_ERR(expand_word(&x, str_from(deep), &out, &err), ERR_LIMIT, "nested deeper");
    /* no pattern takes long: here each star is looked for once, and the 'c' never comes */
    buf_addf(&word, "${a##%sc}", stars);
    CHECK_OK(expand_word(&x, buf_str(&word), &out, &err));
    CHECK_STR(buf_str(&out), s);
    buf_truncate(&out, 0);
    buf_truncate(&word, 0);
    buf_addf(&word, "${a##*%.*sc}", 20000, value);
    CHECK_ERR(expand_word(&x, buf_str(&word), &out, &err), ERR_LIMIT, "too long");
}

/* Each is quick; all together must be, too. */
TEST(limit_of_all)
{
    cleanup_free char *value = repeat("a", 100000);
    Str s = str_from(value);
    size_t work = 250000000; /* as if many had been before */
    const Expander x = {.escape = '\\', .lookup = long_lookup, .ctx = &s, .work = &work};
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    Err err;
    int rc = 0;

    for (int n = 0; n < 1000 && rc == 0; n++)
        rc = expand_word(&x, S("${a##*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}${a%%*}"), &out, &err);
    CHECK(rc < 0 && err.kind == ERR_LIMIT && strstr(err.msg, "take too long"));
    CHECK(work > 250000000);
}

TEST_MAIN(T(quotes_and_escapes), T(other_escape_character), T(quotes_kept), T(names), T(defaults),
          T(trimming), T(replacing), T(mistakes), T(splitting), T(splitting_leaves_nothing_behind),
          T(unset_names), T(limits), T(limit_of_all))
