/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reference is cut from the outside in, so that every piece is judged by its own small grammar
 * and a message can name the piece that is wrong:
 *
 *      localhost:5000/team/app:v1@sha256:...
 *      [   registry ] [ path ] tag [digest ]
 *
 *   '@'        the first one begins the digest
 *   '/'        what stands before the first one is a registry if it could not be a part of a path:
 *              it has a '.', a ':' or a capital letter, or is "localhost"
 *   ':'        the first one after the registry begins the tag
 */
#include "oci/reference.h"

#include "base/num.h"

enum {
    TEXT_MAX = 1024,      /* more than registry, path, tag and digest can add up to */
    REPOSITORY_MAX = 255, /* as the distribution project's own code */
    TAG_MAX = 128,
    QUOTE_MAX = 300
};

#define HUB         "docker.io"
#define HUB_ALIAS   "index.docker.io"
#define HUB_HOST    "registry-1.docker.io"
#define HUB_LIBRARY "library/"

static int bad(Err *err, Str text, ErrKind kind, const char *why)
{
    Str shown = str_head(text, text.n < QUOTE_MAX ? text.n : QUOTE_MAX);

    return err_set(err, kind, "invalid image reference \"" STR_FMT "%s\": %s", STR_ARG(shown),
                   shown.n < text.n ? "..." : "", why);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || is_upper(c);
}

static bool has_upper(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_upper(s.p[i]))
            return true;
    return false;
}

static bool is_image_id(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == 64;
}

/* One label of a host name: letters, digits and inner hyphens. */
static bool is_host_label(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0 && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool is_host_name(Str s)
{
    for (Str rest = s, label; str_next(&rest, '.', &label);)
        if (!is_host_label(label))
            return false;
    return s.n > 0;
}

static bool is_ipv6(Str s)
{
    size_t colons = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        colons += c == ':';
        if (c != ':' && !is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
            return false;
    }
    return colons >= 2;
}

static bool is_port(Str s)
{
    uint64_t port;

    return num_parse_u64(s, 65535, &port) && port > 0;
}

static bool is_registry(Str s)
{
    Str host = s, rest;

    if (str_starts(s, S("["))) {
        if (!str_cut(str_skip(s, 1), ']', &host, &rest) || !is_ipv6(host))
            return false;
        return rest.n == 0 || (rest.p[0] == ':' && is_port(str_skip(rest, 1)));
    }
    if (str_cut(s, ':', &host, &rest) && !is_port(rest))
        return false;
    return is_host_name(host);
}

/* Whether a first part followed by '/' means a registry rather than a part of a path. */
static bool names_registry(Str part)
{
    return str_contains(part, S(".")) || str_contains(part, S(":")) || has_upper(part) ||
           str_eq(part, S("localhost"));
}

/* Length of the separator at the front of s: one of . _ __ or any number of hyphens; 0 = none. */
static size_t separator(Str s)
{
    size_t n = 0;

    if (str_starts(s, S("__")))
        return 2;
    if (s.n && (s.p[0] == '.' || s.p[0] == '_'))
        return 1;
    while (n < s.n && s.p[n] == '-')
        n++;
    return n;
}

static bool is_path_part(Str s)
{
    do {
        size_t word = 0, sep;

        while (word < s.n && is_lower_alnum(s.p[word]))
            word++;
        if (word == 0)
            return false;
        s = str_skip(s, word);
        sep = separator(s);
        if (s.n && sep == 0)
            return false;
        s = str_skip(s, sep);
        if (s.n == 0)
            return sep == 0; /* a separator must not be the last */
    } while (true);
}

static bool is_path(Str s)
{
    for (Str rest = s, part; str_next(&rest, '/', &part);)
        if (!is_path_part(part))
            return false;
    return true;
}

static bool is_tag(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '_' && (i == 0 || (s.p[i] != '.' && s.p[i] != '-')))
            return false;
    return s.n > 0 && s.n <= TAG_MAX;
}

static const char *path_fault(Str path)
{
    if (path.n == 0)
        return "there is no repository name";
    if (has_upper(path))
        return "the repository name must be lower case";
    if (!is_path(path))
        return "a repository name is made of a-z, 0-9 and single . _ - between them";
    return NULL;
}

/* The pieces as they stand in the text; has_tag and has_digest tell "x:" from "x". */
typedef struct Pieces {
    Str registry, path, tag, digest;
    bool has_tag, has_digest;
} Pieces;

static Pieces cut_pieces(Str text)
{
    Pieces p = {.path = text};
    Str head, tail;

    if (str_cut(p.path, '@', &head, &tail)) {
        p.path = head;
        p.digest = tail;
        p.has_digest = true;
    }
    if (str_cut(p.path, '/', &head, &tail) && names_registry(head)) {
        p.registry = head;
        p.path = tail;
    }
    if (str_cut(p.path, ':', &head, &tail)) {
        p.path = head;
        p.tag = tail;
        p.has_tag = true;
    }
    return p;
}

static const char *pieces_fault(Str text, const Pieces *p)
{
    if (text.n == 0)
        return "it is empty";
    if (text.n > TEXT_MAX)
        return "it is longer than 1024 characters";
    if (str_contains(text, S("://")))
        return "leave out the scheme (https://)";
    if (is_image_id(text))
        return "64 hexadecimal digits are an image ID, not a name";
    if (p->registry.n && !is_registry(p->registry))
        return "what precedes the first \"/\" is no registry host";
    if (path_fault(p->path))
        return path_fault(p->path);
    if (p->has_tag && !is_tag(p->tag))
        return "a tag is made of up to 128 letters, digits, _ . -, and begins with none of . -";
    return NULL;
}

/* "library/" goes before one-part names of the default registry. */
static Str full_repository(Arena *a, Str registry, Str path)
{
    if (str_eq(registry, S(HUB)) && !str_contains(path, S("/")))
        return str_fmt_in(a, HUB_LIBRARY STR_FMT, STR_ARG(path));
    return str_dup_in(a, path);
}

int reference_parse(Arena *a, Str text, Reference *ret, Err *err)
{
    Pieces p = cut_pieces(text);
    const char *why = pieces_fault(text, &p);
    Digest digest = {0};
    Str repository;
    Err cause;

    if (why)
        return bad(err, text, ERR_USAGE, why);
    if (p.has_digest && digest_parse(p.digest, &digest, &cause) < 0)
        return bad(err, text, cause.kind == ERR_UNSUPPORTED ? ERR_UNSUPPORTED : ERR_USAGE,
                   cause.msg);
    if (p.registry.n == 0 || str_eq(p.registry, S(HUB_ALIAS)))
        p.registry = S(HUB);
    if (!p.has_tag && !p.has_digest)
        p.tag = S("latest");
    repository = full_repository(a, p.registry, p.path);
    if (repository.n > REPOSITORY_MAX)
        return bad(err, text, ERR_USAGE, "the repository name is longer than 255 characters");
    *ret = (Reference){
        .registry = str_dup_in(a, p.registry),
        .repository = repository,
        .tag = str_dup_in(a, p.tag),
        .digest = digest,
    };
    return 0;
}

static Str with_suffixes(Arena *a, const Reference *r, Str registry, Str repository)
{
    return str_fmt_in(a, STR_FMT "%s" STR_FMT "%s" STR_FMT "%s%s", STR_ARG(registry),
                      registry.n ? "/" : "", STR_ARG(repository), r->tag.n ? ":" : "",
                      STR_ARG(r->tag), digest_is_set(&r->digest) ? "@" : "", r->digest.text);
}

Str reference_format(Arena *a, const Reference *r)
{
    return with_suffixes(a, r, r->registry, r->repository);
}

Str reference_familiar(Arena *a, const Reference *r)
{
    Str path = r->repository, first, rest;

    if (!str_eq(r->registry, S(HUB)))
        return reference_format(a, r);
    if (str_cut(path, '/', &first, &rest) && str_eq(first, S("library")) &&
        !str_contains(rest, S("/")))
        return with_suffixes(a, r, S(""), rest);
    /* "docker.io/my.org/x" must not become a reference to the registry my.org. */
    if (str_cut(path, '/', &first, &rest) && names_registry(first))
        return reference_format(a, r);
    return with_suffixes(a, r, S(""), path);
}

Str reference_host(const Reference *r)
{
    return str_eq(r->registry, S(HUB)) ? S(HUB_HOST) : r->registry;
}

Str reference_manifest_key(const Reference *r)
{
    return digest_is_set(&r->digest) ? (Str){r->digest.text, DIGEST_TEXT} : r->tag;
}
