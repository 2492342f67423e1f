/* SPDX-License-Identifier: Apache-2.0 */
/* Files of Google credentials: whatever they hold, signing with it works or is refused. */
#include "cloud/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_with(json_free_at) Json *key = NULL;
    cleanup_buf Buf jwt = BUF_INIT(BUF_SMALL);
    Err err;

    if (json_parse((Str){(const char *)data, n}, "key", &key, &err) < 0)
        return 0;
    (void)google_text(key, "type");
    if (google_jwt(key, S("https://oauth2.googleapis.com/token"), &jwt, &err) == 0) {
        Str head, claims, rest;

        if (!str_cut(buf_str(&jwt), '.', &head, &rest) || !str_cut(rest, '.', &claims, &rest) ||
            rest.n == 0)
            abort();
    } else if (err.kind != ERR_FORMAT && err.kind != ERR_LIMIT) {
        abort();
    }
    return 0;
}
