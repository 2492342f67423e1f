/* SPDX-License-Identifier: Apache-2.0 */
/* What came back: status, headers, small bodies. */
#include "net/internal.h"

void http_answer_done(HttpAnswer *a)
{
    buf_done(&a->body);
    vec_done(&a->headers);
    arena_done(&a->arena);
    *a = (HttpAnswer){0};
}

void answer_clear(HttpAnswer *a)
{
    a->status = 0;
    a->headers.n = 0;
    arena_done(&a->arena); /* what the headers pointed to */
    buf_truncate(&a->body, 0);
}

Str http_header(const HttpAnswer *a, const char *lower_case_name)
{
    vec_foreach(h, &a->headers)
        if (str_eq(h->name, str_from(lower_case_name)))
            return h->value;
    return (Str){NULL, 0};
}

bool answer_add_line(HttpAnswer *a, Str line)
{
    HttpHeader h;

    if (!str_cut(line, ':', &h.name, &h.value) || h.name.n == 0)
        return false;
    h.name = str_lower_in(&a->arena, str_trim(h.name));
    h.value = str_dup_in(&a->arena, str_trim(h.value));
    vec_push(&a->headers, h);
    return true;
}

int64_t http_date_ns(Str text)
{
    cleanup_free char *z = str_dup(text);
    time_t t = curl_getdate(z, NULL);

    return t > 0 && t < INT64_MAX / 1000000000 ? (int64_t)t * 1000000000 : 0;
}
