/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of services: their words are printable, on one line and bounded; their times are times. */
#include "cloud/internal.h"
#include "cloud/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    HttpAnswer answer = {.status = 403, .body = BUF_INIT(BUF_SMALL)};
    Str text = {(const char *)data, n}, got;
    int64_t t;

    buf_add(&answer.body, text);
    got = answer_words(&answer, &a);
    if (got.n > 8192)
        abort();
    for (size_t i = 0; i < got.n; i++)
        if ((unsigned char)got.p[i] < 0x20 || got.p[i] == 0x7f)
            abort();
    if (xml_text(text, "Code", &a, &got) && got.n > n)
        abort();
    (void)when_parse_iso(text, &t);
    (void)when_parse_http(text, &t);
    (void)cloud_of_registry(text);
    (void)object_is_blob_url(text);
    buf_done(&answer.body);
    return 0;
}
