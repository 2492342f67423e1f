/* SPDX-License-Identifier: Apache-2.0 */
/* A reference that parses can be written, read again and written the same; so can its familiar form. */
#include <assert.h>

#include "oci/platform.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_reference(Arena *a, Str text)
{
    Reference r, again;
    Str full;
    Err err;

    if (reference_parse(a, text, &r, &err) < 0)
        return;
    full = reference_format(a, &r);
    assert(reference_parse(a, full, &again, &err) == 0);
    assert(str_eq(reference_format(a, &again), full));
    assert(reference_parse(a, reference_familiar(a, &r), &again, &err) == 0);
    assert(str_eq(reference_format(a, &again), full));
    assert(reference_host(&r).n > 0 && reference_manifest_key(&r).n > 0);
}

static void check_platform(Arena *a, Str text)
{
    Platform p, again;
    Err err;

    if (platform_parse(a, text, &p, &err) < 0)
        return;
    assert(platform_match(&p, &p) > 0);
    assert(platform_parse(a, platform_format(a, &p), &again, &err) == 0);
    p.os_version = S("");
    assert(platform_eq(&p, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str text = {n ? (const char *)data : "", n};

    check_reference(&a, text);
    check_platform(&a, text);
    return 0;
}
