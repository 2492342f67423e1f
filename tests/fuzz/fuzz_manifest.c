/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and indexes: what parses is written in a form that parses, and that is stable. */
#include <assert.h>

#include "base/limits.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_manifest(Arena *a, Str json)
{
    cleanup_buf Buf once = BUF_INIT(4 * LIMIT_MANIFEST), twice = BUF_INIT(4 * LIMIT_MANIFEST);
    Manifest m, again;
    Err err;

    if (manifest_parse(a, json, &m, &err) < 0)
        return;
    manifest_format(&m, &once);
    if (once.n > LIMIT_MANIFEST)
        return;
    assert(manifest_parse(a, buf_str(&once), &again, &err) == 0);
    manifest_format(&again, &twice);
    assert(str_eq(buf_str(&once), buf_str(&twice)));
}

static void check_index(Arena *a, Str json)
{
    const Platform want = {.os = S("linux"), .arch = S("arm"), .variant = S("v7")};
    cleanup_buf Buf once = BUF_INIT(LIMIT_INDEX), twice = BUF_INIT(LIMIT_INDEX);
    const Descriptor *chosen;
    Index x, again;
    Err err;

    if (index_parse(a, json, &x, &err) < 0)
        return;
    index_format(&x, &once);
    assert(index_parse(a, buf_str(&once), &again, &err) == 0);
    index_format(&again, &twice);
    assert(str_eq(buf_str(&once), buf_str(&twice)));
    if (index_choose(&x, &want, &chosen, &err) == 0)
        assert(descriptor_is_image(chosen));
    else
        assert(err.kind == ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str json = {n ? (const char *)data : "", n};
    MediaKind kind = MEDIA_KIND_UNKNOWN;
    Err err;

    check_manifest(&a, json);
    check_index(&a, json);
    if (manifest_kind(json, S(""), &kind, &err) == 0)
        assert(kind == MEDIA_KIND_MANIFEST || kind == MEDIA_KIND_INDEX);
    return 0;
}
