/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of repositories, and what they say of refs, directories and commits. */
#include "git/url.h"
#include "test.h"

static GitSpec spec(Arena *a, const char *text)
{
    GitSpec s;
    Err err;

    CHECK_OK(git_spec_parse(a, str_from(text), &s, &err));
    return s;
}

static void is_url(const char *text, GitTransport transport, const char *user, const char *host,
                   const char *port, const char *path)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitUrl u = spec(&a, text).url;

    CHECK(u.transport == transport);
    CHECK_STR(u.user, str_from(user));
    CHECK_STR(u.host, str_from(host));
    CHECK_STR(u.port, str_from(port));
    CHECK_STR(u.path, str_from(path));
}

TEST(addresses)
{
    is_url("https://h.example/o/r.git", GIT_HTTP, "", "h.example", "", "/o/r.git");
    is_url("http://u:p@h:8080/r.git", GIT_HTTP, "u", "h", "8080", "/r.git");
    is_url("git+https://h/r", GIT_HTTP, "", "h", "", "/r");
    is_url("git://h:9418/r", GIT_TCP, "", "h", "9418", "/r");
    is_url("ssh://git@h:22/~u/r", GIT_SSH, "git", "h", "22", "/~u/r");
    is_url("git@h.example:o/r.git", GIT_SSH, "git", "h.example", "", "o/r.git");
    is_url("ssh://[::1]:22/r", GIT_SSH, "", "[::1]", "22", "/r");
}

static void is_wrong(const char *text, const char *part)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitSpec s;
    Err err;

    CHECK_ERR(git_spec_parse(&a, str_from(text), &s, &err), ERR_USAGE, part);
}

/* What goes to ssh as an argument can be no option and no command. */
TEST(wrong_addresses)
{
    is_wrong("ssh://-oProxyCommand=x/r", "not the address");
    is_wrong("-oProxyCommand=x@h:r", "not the address");
    is_wrong("ssh://a'b@h/r", "not the address");
    is_wrong("ssh://h;x/r", "not the address");
    is_wrong("ssh://h:x/r", "not the address");
    is_wrong("ssh://h:70000/r", "not the address");
    is_wrong("https:///r", "not the address");
    is_wrong("https://h", "not the address");
    is_wrong("https://h/a b", "no blanks");
    is_wrong("file:///r", "over \"file\"");
    is_wrong("https://h/r?nosuch=1", "unknown key \"nosuch\"");
    is_wrong("https://h/r?branch=a&tag=b", "says twice");
    is_wrong("https://h/r?ref=a#b", "says twice");
    is_wrong("https://h/r?submodules=perhaps", "expected true or false");
    is_wrong("https://h/r?mtime=now", "expected checkout or commit");
    is_wrong("https://h/r?commit=12345", "is no commit");
    is_wrong("https://h/r?commit=xyz4567", "is no commit");
    is_wrong("https://h/r#main#1234567", "expected 40");
}

static void wants(const char *text, const char *ref, const char *subdir, const char *commit,
                  const char *checkout)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitSpec s = spec(&a, text);

    CHECK_STR(s.ref, str_from(ref));
    CHECK_STR(s.subdir, str_from(subdir));
    CHECK_STR(s.commit, str_from(commit));
    CHECK_STR(s.checkout, str_from(checkout));
}

#define ID "0123456789abcdef0123456789abcdef01234567"

TEST(what_is_wanted)
{
    wants("https://h/r", "", "", "", "");
    wants("https://h/r#main", "main", "", "", "");
    wants("https://h/r#main:a/b", "main", "a/b", "", "");
    wants("https://h/r#:a", "", "a", "", "");
    wants("https://h/r#refs/heads/x", "refs/heads/x", "", "", "");
    wants("https://h/r#refs/heads/x#" ID, "refs/heads/x", "", "", ID);
    wants("https://h/r?ref=x&subdir=d&commit=ABCDEF0", "x", "d", "abcdef0", "");
    wants("https://h/r?ref=x#x:d", "x", "d", "", "");
    wants("git@h:r#v1", "v1", "", "", "");
}

TEST(switches)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitSpec s = spec(&a, "https://h/r?keep-git-dir&submodules=0&mtime=checkout&branch=b");

    CHECK(s.keep_git_dir == GIT_YES && s.submodules == GIT_NO && s.mtime_checkout);
    CHECK(s.only_branch && !s.only_tag);
    s = spec(&a, "https://h/r?fetch-by-commit=true&tag=t");
    CHECK(s.keep_git_dir == GIT_DEFAULT && s.only_tag && !s.mtime_checkout);
}

static void relative(const char *parent, const char *text, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitUrl p = spec(&a, parent).url, u;
    Err err;

    CHECK_OK(git_url_relative(&a, &p, str_from(text), &u, &err));
    CHECK_STR(u.url, str_from(want));
}

TEST(submodules)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitUrl p = spec(&a, "https://h/o/r.git").url, u;
    Err err;

    relative("https://h/o/r.git", "../s.git", "https://h/o/s.git");
    relative("https://h/o/r.git", "./s.git", "https://h/o/r.git/s.git");
    relative("https://h/o/r.git", "../../../../s", "https://h/s");
    relative("https://u:p@h:1/o/r.git", "../s", "https://u:p@h:1/o/s");
    relative("git@h:o/r.git", "../s.git", "git@h:o/s.git");
    relative("https://h/o/r.git", "ssh://k/s", "ssh://k/s");
    CHECK_ERR(git_url_relative(&a, &p, S("/etc"), &u, &err), ERR_USAGE, "not the address");
    CHECK_ERR(git_url_relative(&a, &p, S("file:///etc"), &u, &err), ERR_USAGE, "over \"file\"");
}

TEST(for_people)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK_STR(spec(&a, "https://u:p@h:1/r?subdir=x#y").url.shown, S("https://h:1/r"));
    CHECK_STR(spec(&a, "git@h:r").url.shown, S("ssh://h/r"));
}

TEST(same_server)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitUrl one = spec(&a, "https://u:p@h/o/r.git").url, two = spec(&a, "https://h:443/x").url;
    GitUrl three = spec(&a, "http://h/x").url, four = spec(&a, "https://k/x").url;

    CHECK(git_url_same_server(&one, &two));
    CHECK(!git_url_same_server(&one, &three));
    CHECK(!git_url_same_server(&one, &four));
}

TEST_MAIN(T(addresses), T(wrong_addresses), T(what_is_wanted), T(switches), T(submodules),
          T(for_people), T(same_server))
