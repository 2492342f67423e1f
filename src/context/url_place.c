/* SPDX-License-Identifier: Apache-2.0 */
#include "context/kinds.h"

static bool is_one_of(Str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

/* Parameters that say who may read an object, until when, and under which headers; none says which. */
static bool signs(Str host, Str name)
{
    static const char *const azure[] = {
        "sp",
        "st",
        "se",
        "sv",
        "sr",
        "spr",
        "sig",
        "skoid",
        "sktid",
        "skt",
        "ske",
        "sks",
        "skv",
        "rscd",
        "rsct",
        "jwt",
        "response-content-disposition",
        "response-content-type",
    };
    static const char *const stores[] = {"X-Amz-", "X-Goog-"};

    for (size_t i = 0; i < ARRAY_LEN(stores); i++)
        if (str_starts(name, str_from(stores[i])))
            return true;
    return (str_ends(host, S(".blob.core.windows.net")) ||
            str_ends(host, S(".githubusercontent.com"))) &&
           is_one_of(name, azure, ARRAY_LEN(azure));
}

Digest url_place(Str url)
{
    cleanup_buf Buf kept = BUF_INIT(url.n);
    Str path, query, one, name, value;
    char before = '?';

    if (!str_cut(url, '?', &path, &query))
        return digest_of(url);
    buf_add(&kept, path);
    while (str_next(&query, '&', &one)) {
        if (!str_cut(one, '=', &name, &value))
            name = one;
        if (signs(url_host(url), name))
            continue;
        buf_add_char(&kept, before);
        buf_add(&kept, one);
        before = '&';
    }
    return digest_of(buf_str(&kept)); /* never longer than the URL */
}
