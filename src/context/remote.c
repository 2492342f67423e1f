/* SPDX-License-Identifier: Apache-2.0 */
#include "context/remote.h"

#include "oci/digest.h"

static bool is_http(Str s)
{
    return str_starts(s, S("http://")) || str_starts(s, S("https://"));
}

static Str without_query(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '?' || s.p[i] == '#')
            return str_head(s, i);
    return s;
}

/* user@host:path, as git and ssh have it: no '/' before the ':'. */
static bool is_scp_like(Str s)
{
    Str user, rest, host, path;

    return str_cut(s, '@', &user, &rest) && str_cut(rest, ':', &host, &path) && user.n && host.n &&
           !str_contains(user, S("/")) && !str_contains(host, S("/")) && !str_starts(path, S("//"));
}

RemoteKind remote_kind(Str s)
{
    if (is_http(s))
        return str_ends(without_query(s), S(".git")) ? REMOTE_GIT : REMOTE_FILE;
    if (str_starts(s, S("git://")) || str_starts(s, S("ssh://")) || is_scp_like(s))
        return REMOTE_GIT;
    return REMOTE_NONE;
}

int remote_checksum_check(Str text, Err *err)
{
    Digest d;
    Str algorithm, hex;

    if (!str_cut(text, ':', &algorithm, &hex) || algorithm.n == 0)
        return err_set(err, ERR_USAGE, "invalid checksum digest format: " STR_FMT, STR_ARG(text));
    if (!str_eq(algorithm, S("sha256")))
        return err_set(err, ERR_USAGE, "unsupported digest algorithm: " STR_FMT " (sha256 is)",
                       STR_ARG(algorithm));
    if (digest_parse(text, &d, err) < 0)
        return err_set(err, ERR_USAGE, "invalid checksum digest format: " STR_FMT, STR_ARG(text));
    return 0;
}

Str remote_redacted(Arena *a, Str source)
{
    const char *sep = source.n ? memmem(source.p, source.n, "://", 3) : NULL;
    size_t begin = sep ? (size_t)(sep - source.p) + 3 : 0;
    Str rest = str_skip(source, begin), authority, user, name, password;
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#')
        n++;
    authority = str_head(rest, n);
    if (!sep || !str_cut_last(authority, '@', &user, &authority) ||
        !str_cut(user, ':', &name, &password))
        return source;
    return str_fmt_in(a, STR_FMT "xxxxx:xxxxx@" STR_FMT STR_FMT, (int)begin, source.p,
                      STR_ARG(authority), STR_ARG(str_skip(rest, n)));
}

/* In the JSON form words end at quotes. */
static size_t word_end(Str s)
{
    size_t n = 0;

    while (n < s.n && !strchr(" \t\n\"", s.p[n]))
        n++;
    return n;
}

Str remote_redacted_words(Arena *a, Str text)
{
    cleanup_buf Buf out = BUF_INIT(2 * text.n + BUF_SMALL);

    if (!str_contains(text, S("://")))
        return text;
    for (Str rest = text; rest.n;) {
        size_t n = word_end(rest);

        buf_add(&out, remote_redacted(a, str_head(rest, n)));
        rest = str_skip(rest, n);
        if (rest.n)
            buf_add_char(&out, rest.p[0]);
        rest = str_skip(rest, rest.n ? 1 : 0);
    }
    return str_dup_in(a, buf_str(&out));
}
