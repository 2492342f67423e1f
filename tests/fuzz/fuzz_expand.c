/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the escape character and whether quotes count; the rest is the word. */
#include "demand.h"
#include "dockerfile/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Names of even length are set, to themselves twice. */
static bool lookup(void *ctx, Str name, Str *ret)
{
    Buf *value = ctx;

    buf_truncate(value, 0);
    buf_add(value, name);
    buf_add(value, name);
    *ret = buf_str(value);
    return name.n % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_buf Buf value = BUF_INIT((size_t)1 << 20), out = BUF_INIT((size_t)1 << 16);
    cleanup_arena Arena a = ARENA_INIT;
    StrVec unset = {0}, words = {0};
    Expander x = {.escape = '\\', .lookup = lookup, .ctx = &value, .unset = &unset};
    Err err = {0};
    Str word;

    if (n == 0)
        return 0;
    x.escape = data[0] & 1 ? '`' : '\\';
    x.keep_quotes = data[0] & 2;
    word = (Str){(const char *)data + 1, n - 1};
    if (expand_word(&x, word, &out, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
        demand(str_starts(str_from(err.msg), S("failed to process \"")) && out.n == 0);
    }
    vec_foreach(name, &unset)
        demand(name->p > word.p && name->p + name->n <= word.p + word.n);
    if (expand_words(&x, &a, word, &words, &err) < 0)
        demand(words.n == 0);
    vec_foreach(w, &words)
        demand(w->n > 0);
    vec_done(&words);
    vec_done(&unset);
    return 0;
}
