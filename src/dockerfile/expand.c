/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two public ways through scan.c: one word in, one string out; or one word in, the words of the result out, for
 * the one instruction (EXPOSE) whose variables may hold several.
 */
#include "dockerfile/expand.h"

#include "base/limits.h"
#include "dockerfile/scan.h"
#include "dockerfile/text.h"

static int failed(Str word, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    return err_wrap(err, "failed to process " STR_FMT, STR_ARG(text_quote(&a, word)));
}

int expand_word(const Expander *x, Str word, Buf *out, Err *err)
{
    Scan s = {.x = x, .rest = word};
    size_t before = out->n;

    if (scan_word(&s, out, NULL, err) == 0)
        return 0;
    buf_truncate(out, before);
    return failed(word, err);
}

int expand_words(const Expander *x, Arena *a, Str word, StrVec *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    WordSplit split = {.arena = a, .ret = ret, .word = BUF_INIT(LIMIT_EXPANSION)};
    Scan s = {.x = x, .rest = word};
    size_t before = ret->n;
    int rc = scan_word(&s, &out, &split, err);

    buf_done(&split.word);
    if (rc == 0)
        return 0;
    ret->n = before;
    return failed(word, err);
}
