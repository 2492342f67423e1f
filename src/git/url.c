/* SPDX-License-Identifier: Apache-2.0 */
#include "git/url.h"

#include "base/num.h"
#include "base/path.h"
#include "net/http.h"

/* --- the URL --- */

static bool is_clean(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
            return false;
    return true;
}

/* They become arguments of ssh: none may look like an option, or hold what a shell knows. */
static bool is_host(Str s)
{
    if (s.n == 0 || s.n > 255 || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]", s.p[i]))
            return false;
    return true;
}

static bool is_user(Str s)
{
    return s.n == 0 ||
           (s.p[0] != '-' && is_clean(s) && !str_contains(s, S("'")) && !str_contains(s, S("@")));
}

static bool is_port(Str s)
{
    uint64_t n;

    return s.n == 0 || (num_parse_u64(s, 65535, &n) && n > 0);
}

static int finish(Arena *a, const char *scheme, GitUrl *u, Err *err)
{
    if (!is_host(u->host) || !is_user(u->user) || !is_port(u->port) || !is_clean(u->path) ||
        u->path.n == 0)
        return err_set(err, ERR_USAGE, "\"" STR_FMT "\" is not the address of a git repository",
                       STR_ARG(u->url));
    u->shown = str_fmt_in(a, "%s://" STR_FMT "%s" STR_FMT "%s" STR_FMT, scheme, STR_ARG(u->host),
                          u->port.n ? ":" : "", STR_ARG(u->port), u->path.p[0] == '/' ? "" : "/",
                          STR_ARG(u->path));
    return 0;
}

/* user@host:path */
static int parse_scp(Arena *a, Str text, GitUrl *u, Err *err)
{
    Str rest = text, user;

    u->transport = GIT_SSH;
    u->url = text;
    if (str_cut(text, '@', &user, &rest))
        u->user = user;
    if (!str_cut(rest, ':', &u->host, &u->path))
        return err_set(err, ERR_USAGE, "\"" STR_FMT "\" is not the address of a git repository",
                       STR_ARG(text));
    return finish(a, "ssh", u, err);
}

/* [user[:password]@]host[:port]/path */
static int parse_authority(Str rest, GitUrl *u)
{
    Str authority = rest, user, host, password;
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '/')
        n++;
    authority = str_head(rest, n);
    u->path = str_skip(rest, n);
    if (str_cut_last(authority, '@', &user, &authority)) {
        if (!str_cut(user, ':', &u->user, &password))
            u->user = user;
    }
    u->host = authority;
    if (!str_ends(authority, S("]")) && str_cut_last(authority, ':', &host, &u->port))
        u->host = host;
    return 0;
}

int git_url_parse(Arena *a, Str text, GitUrl *ret, Err *err)
{
    const char *sep;
    Str scheme;

    if (str_starts(text, S("git+")))
        text = str_skip(text, 4);
    text = str_dup_in(a, text); /* the parts point into it */
    sep = text.n ? memmem(text.p, text.n, "://", 3) : NULL;
    if (!is_clean(text))
        return err_set(err, ERR_USAGE, "the address of a git repository has no blanks");
    *ret = (GitUrl){.url = text, .user = S(""), .host = S(""), .port = S(""), .path = S("")};
    if (!sep)
        return parse_scp(a, text, ret, err);
    scheme = str_head(text, (size_t)(sep - text.p));
    (void)parse_authority(str_skip(text, scheme.n + 3), ret);
    if (str_eq(scheme, S("http")) || str_eq(scheme, S("https"))) {
        ret->transport = GIT_HTTP;
    } else if (str_eq(scheme, S("git"))) {
        ret->transport = GIT_TCP;
    } else if (str_eq(scheme, S("ssh"))) {
        ret->transport = GIT_SSH;
    } else {
        return err_set(err, ERR_USAGE,
                       "git cannot be fetched over \"" STR_FMT "\" here (https, http, ssh, git)",
                       STR_ARG(scheme));
    }
    return finish(a, str_dup_in(a, scheme).p, ret, err);
}

/* --- what is wanted --- */

static int set_once(Str *field, Str value, Str key, Err *err)
{
    if (field->n && !str_eq(*field, value))
        return err_set(err, ERR_USAGE,
                       "the git address says twice, and differently, what " STR_FMT " is",
                       STR_ARG(key));
    *field = value;
    return 0;
}

static int set_switch(GitSwitch *to, Str value, Str key, Err *err)
{
    bool on = true;

    if (value.n && !num_parse_bool(value, &on))
        return err_set(err, ERR_USAGE,
                       "the git address has " STR_FMT "=" STR_FMT ": expected true or false",
                       STR_ARG(key), STR_ARG(value));
    *to = on ? GIT_YES : GIT_NO;
    return 0;
}

static int set_mtime(Str value, GitSpec *s, Err *err)
{
    s->mtime_checkout = str_eq(value, S("checkout"));
    if (s->mtime_checkout || str_eq(value, S("commit")))
        return 0;
    return err_set(err, ERR_USAGE,
                   "the git address has mtime=" STR_FMT ": expected checkout or commit",
                   STR_ARG(value));
}

static int query_key(Str key, Str value, GitSpec *s, Err *err)
{
    GitSwitch unused;

    if (str_eq(key, S("ref")))
        return set_once(&s->ref, value, S("ref"), err);
    if (str_eq(key, S("branch"))) {
        s->only_branch = true;
        return set_once(&s->ref, value, S("ref"), err);
    }
    if (str_eq(key, S("tag"))) {
        s->only_tag = true;
        return set_once(&s->ref, value, S("ref"), err);
    }
    if (str_eq(key, S("subdir")))
        return set_once(&s->subdir, value, key, err);
    if (str_eq(key, S("checksum")) || str_eq(key, S("commit")))
        return set_once(&s->commit, value, S("commit"), err);
    if (str_eq(key, S("keep-git-dir")))
        return set_switch(&s->keep_git_dir, value, key, err);
    if (str_eq(key, S("submodules")))
        return set_switch(&s->submodules, value, key, err);
    if (str_eq(key, S("fetch-by-commit")))
        return set_switch(&unused, value, key, err); /* a commit is always fetched so */
    if (str_eq(key, S("mtime")))
        return set_mtime(value, s, err);
    return err_set(err, ERR_USAGE, "the git address has an unknown key \"" STR_FMT "\"",
                   STR_ARG(key));
}

static int parse_query(Str query, GitSpec *s, Err *err)
{
    for (Str rest = query, pair; str_next(&rest, '&', &pair);) {
        Str key = pair, value = S("");

        if (pair.n == 0)
            continue;
        (void)str_cut(pair, '=', &key, &value);
        TRY(query_key(key, value, s, err));
    }
    if (s->only_branch && s->only_tag)
        return err_set(err, ERR_USAGE, "the git address names a branch and a tag");
    return 0;
}

static int parse_fragment(Str fragment, GitSpec *s, Err *err)
{
    Str ref = fragment, commit, subdir;

    if (str_cut(fragment, '#', &ref, &commit))
        s->checkout = commit;
    else if (str_cut(fragment, ':', &ref, &subdir) && subdir.n)
        TRY(set_once(&s->subdir, subdir, S("subdir"), err));
    return ref.n ? set_once(&s->ref, ref, S("ref"), err) : 0;
}

static bool is_hex(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF", s.p[i]))
            return false;
    return true;
}

int git_commit_check(Str hex, Err *err)
{
    if (is_hex(hex) && hex.n >= 7 && hex.n <= 40)
        return 0;
    return err_set(err, ERR_USAGE,
                   "\"" STR_FMT "\" is no commit: expected 7 to 40 hexadecimal digits",
                   STR_ARG(hex));
}

int git_spec_parse(Arena *a, Str text, GitSpec *ret, Err *err)
{
    Str address = text, fragment = S(""), query = S("");
    GitSpec s = {.ref = S(""), .commit = S(""), .checkout = S(""), .subdir = S("")};

    (void)str_cut(text, '#', &address, &fragment);
    (void)str_cut(address, '?', &address, &query);
    TRY(git_url_parse(a, address, &s.url, err));
    TRY(parse_query(query, &s, err));
    TRY(parse_fragment(fragment, &s, err));
    if (!is_clean(s.ref) || s.ref.n > 1024)
        return err_set(err, ERR_USAGE, "the git address has a ref that is none");
    if (s.commit.n)
        TRY(git_commit_check(s.commit, err));
    if (s.checkout.n && (!is_hex(s.checkout) || s.checkout.n != 40))
        return err_set(err, ERR_USAGE,
                       "\"" STR_FMT "\" is no commit: expected 40 hexadecimal "
                       "digits",
                       STR_ARG(s.checkout));
    s.commit = str_lower_in(a, s.commit);
    *ret = s;
    return 0;
}

/* --- submodules --- */

static Str site_of(const GitUrl *u)
{
    Str before = str_head(u->url, (size_t)(u->path.p - u->url.p));

    return before;
}

int git_url_relative(Arena *a, const GitUrl *parent, Str text, GitUrl *ret, Err *err)
{
    bool relative = str_starts(text, S("./")) || str_starts(text, S("../"));
    Str path, first;

    if (!relative)
        return git_url_parse(a, str_dup_in(a, text), ret, err);
    path = parent->path;
    first = path_clean(a, str_fmt_in(a, "/" STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(text)));
    if (path.n == 0 || path.p[0] != '/')
        first = str_skip(first, 1); /* host:path has no slash before it */
    return git_url_parse(a,
                         str_fmt_in(a, STR_FMT STR_FMT, STR_ARG(site_of(parent)), STR_ARG(first)),
                         ret, err);
}

bool git_url_same_server(const GitUrl *a, const GitUrl *b)
{
    if (a->transport != b->transport)
        return false;
    if (a->transport == GIT_HTTP)
        return url_same_origin(a->url, b->url);
    return str_eq_nocase(a->host, b->host) && str_eq(a->port, b->port);
}
