/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs as text. Taking one apart and resolving a relative one is left to libcurl's URL parser, so
 * that what we judge (host, port, scheme) is exactly what the transfer will use: two parsers that
 * disagree about "http://a@b" are how credentials leak.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include "base/num.h"
#include "net/http.h"

#define URL_FLAGS (CURLU_NON_SUPPORT_SCHEME | CURLU_DEFAULT_PORT)

static void url_handle_done(CURLU **u)
{
    curl_url_cleanup(*u);
}
#define cleanup_url cleanup_with(url_handle_done)

static void curl_text_done(char **z)
{
    curl_free(*z);
}
#define cleanup_curl_text cleanup_with(curl_text_done)

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void url_escape(Str s, Buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_unreserved(s.p[i])) {
            buf_add_char(out, s.p[i]);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

/* Parse an absolute URL; NULL when it is none. */
static CURLU *url_open(Str url)
{
    cleanup_free char *z = str_dup(url);
    CURLU *u = curl_url();

    if (u && (strlen(z) != url.n || curl_url_set(u, CURLUPART_URL, z, URL_FLAGS) != CURLUE_OK)) {
        curl_url_cleanup(u);
        return NULL;
    }
    return u;
}

static char *url_part(CURLU *u, CURLUPart part)
{
    char *z = NULL;

    if (!u || curl_url_get(u, part, &z, URL_FLAGS) != CURLUE_OK)
        return NULL;
    return z;
}

int url_resolve(Arena *a, Str base, Str location, Str *ret, Err *err)
{
    cleanup_url CURLU *u = url_open(base);
    cleanup_free char *z = str_dup(str_trim(location));
    cleanup_curl_text char *whole = NULL, *scheme = NULL;
    CURLUcode rc;

    if (!u)
        return err_set(err, ERR_FORMAT, "\"" STR_FMT "\" is not an absolute URL",
                       STR_ARG(url_for_people(a, base)));
    if (strlen(z) != str_trim(location).n || z[0] == '\0')
        return err_set(err, ERR_FORMAT, "the server sent an empty or garbled Location");
    rc = curl_url_set(u, CURLUPART_URL, z,
                      CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE);
    if (rc == CURLUE_OK)
        rc = curl_url_get(u, CURLUPART_URL, &whole, 0);
    if (rc != CURLUE_OK)
        return err_set(err, ERR_FORMAT, "the server sent a Location that is no URL: %s",
                       curl_url_strerror(rc));
    scheme = url_part(u, CURLUPART_SCHEME);
    if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return err_set(err, ERR_FORMAT,
                       "the server sent a Location that is neither http nor https");
    *ret = str_dup_in(a, str_from(whole));
    return 0;
}

/* Between "scheme://" and the path, user information included. */
static Str url_authority(Str url)
{
    for (size_t i = 0; i + 3 <= url.n; i++) {
        if (memcmp(url.p + i, "://", 3) == 0) {
            url = str_skip(url, i + 3);
            break;
        }
        if (url.p[i] == '/' || url.p[i] == '?')
            break;
    }
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] == '/' || url.p[i] == '?' || url.p[i] == '#')
            return str_head(url, i);
    return url;
}

Str url_host(Str url)
{
    Str authority = url_authority(url), user, host;

    return str_cut_last(authority, '@', &user, &host) ? host : authority;
}

bool url_is_https(Str url)
{
    return url.n >= 8 && str_eq_nocase(str_head(url, 8), S("https://"));
}

static bool same_text(const char *a, const char *b)
{
    return a && b && str_eq_nocase(str_from(a), str_from(b));
}

bool url_same_origin(Str a, Str b)
{
    cleanup_url CURLU *ua = url_open(a), *ub = url_open(b);
    cleanup_curl_text char *scheme_a = url_part(ua, CURLUPART_SCHEME);
    cleanup_curl_text char *scheme_b = url_part(ub, CURLUPART_SCHEME);
    cleanup_curl_text char *host_a = url_part(ua, CURLUPART_HOST);
    cleanup_curl_text char *host_b = url_part(ub, CURLUPART_HOST);
    cleanup_curl_text char *port_a = url_part(ua, CURLUPART_PORT);
    cleanup_curl_text char *port_b = url_part(ub, CURLUPART_PORT);

    return same_text(scheme_a, scheme_b) && same_text(host_a, host_b) && same_text(port_a, port_b);
}

static bool is_local_v4(const unsigned char ip[4])
{
    return ip[0] == 127 || ip[0] == 0 || (ip[0] == 169 && ip[1] == 254);
}

static bool is_local_v6(const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip) || IN6_IS_ADDR_V4COMPAT(ip))
        return IN6_IS_ADDR_LOOPBACK(ip) || is_local_v4(ip->s6_addr + 12);
    return IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_LINKLOCAL(ip);
}

/* libcurl has already turned "2130706433", "0x7f.1" and the like into dotted form. */
static bool is_machine_local(Str host)
{
    struct in_addr v4;
    struct in6_addr v6;
    Str bare = host, zone;

    if (bare.n && bare.p[bare.n - 1] == '.')
        bare.n--;
    if (str_eq_nocase(bare, S("localhost")) ||
        (bare.n > 10 && str_eq_nocase(str_skip(bare, bare.n - 10), S(".localhost"))))
        return true;
    if (bare.n > 2 && bare.p[0] == '[' && bare.p[bare.n - 1] == ']')
        bare = (Str){bare.p + 1, bare.n - 2};
    (void)str_cut(bare, '%', &bare, &zone);
    cleanup_free char *z = str_dup(bare);
    if (inet_pton(AF_INET, z, &v4) == 1)
        return is_local_v4((const unsigned char *)&v4);
    return inet_pton(AF_INET6, z, &v6) == 1 && is_local_v6(&v6);
}

bool url_is_machine_local(Str url)
{
    cleanup_url CURLU *u = url_open(url);
    cleanup_curl_text char *host = url_part(u, CURLUPART_HOST);

    return host && is_machine_local(str_from(host));
}

Str url_for_people(Arena *a, Str url)
{
    Str authority = url_authority(url), user, host, rest;
    size_t before = (size_t)(authority.p - url.p);

    if (!str_cut_last(authority, '@', &user, &host))
        host = authority;
    rest = str_skip(url, before + authority.n);
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.p[i] == '?' || rest.p[i] == '#') {
            rest = str_head(rest, i);
            break;
        }
    }
    return str_fmt_in(a, STR_FMT STR_FMT STR_FMT, (int)before, url.p, STR_ARG(host), STR_ARG(rest));
}
