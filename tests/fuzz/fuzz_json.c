/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is accepted can be walked, copied and written, and reads back as the same document. */
#include <stdio.h>

#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t walk(const Json *j)
{
    size_t seen = 1;
    int64_t i;
    bool b;
    Str s;

    if (json_get_text(j, &s) && s.n > 0 && memchr(s.p, '\0', s.n))
        abort();
    (void)json_get_int(j, &i);
    (void)json_get_bool(j, &b);
    for (size_t k = 0; k < json_count(j) && json_type(j) == JSON_LIST; k++)
        seen += walk(json_at(j, k));
    for (JsonIter it = {0}; json_next(j, &it);)
        seen += walk(it.value);
    return seen;
}

static void format(const Json *j, unsigned indent, Buf *out)
{
    Err err;

    json_format(j, indent, out);
    if (buf_check(out, "document", &err) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_with(json_free_at) Json *j = NULL, *again = NULL, *copy = NULL;
    cleanup_buf Buf first = BUF_INIT((size_t)1 << 28), second = BUF_INIT((size_t)1 << 28);
    Err err;

    if (json_parse((Str){(const char *)data, n}, "fuzz", &j, &err) < 0) {
        if (err.kind != ERR_FORMAT && err.kind != ERR_LIMIT)
            abort();
        return 0;
    }
    format(j, (unsigned)(n % 3), &first);
    if (json_parse(buf_str(&first), "again", &again, &err) < 0)
        abort();
    copy = json_copy_deep(again);
    format(copy, (unsigned)(n % 3), &second);
    if (!str_eq(buf_str(&first), buf_str(&second)) || walk(j) != walk(copy))
        abort();
    return 0;
}
