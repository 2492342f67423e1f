/* SPDX-License-Identifier: Apache-2.0 */
/* The value of RUN --mount, read without variables (before a build) and with them. */
#include "base/limits.h"
#include "demand.h"
#include "dockerfile/mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every variable is set, to something that a field must not end at. */
static bool lookup(void *ctx, Str name, Str *ret)
{
    (void)ctx;
    *ret = name.n % 2 ? S("a,b=\"c") : S("");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Expander x = {.escape = '\\', .lookup = lookup};
    Str text = {(const char *)data, n};
    RunMount early, late;
    Err err = {0};

    if (n > LIMIT_DOCKERFILE_LINE)
        return 0;
    if (mount_parse(&a, text, NULL, &early, &err) < 0) {
        demand(err.kind == ERR_SYNTAX);
        demand(mount_parse(&a, text, &x, &late, &err) < 0); /* what was wrong stays wrong */
        return 0;
    }
    if (mount_parse(&a, text, &x, &late, &err) < 0) {
        demand(err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT);
        return 0;
    }
    demand(str_eq(early.from, late.from));
    demand(late.type < MOUNT_TYPE_COUNT && late.sharing < MOUNT_SHARING_COUNT);
    demand(late.type == MOUNT_TYPE_TMPFS || late.size_bytes == 0);
    demand(late.type == MOUNT_TYPE_CACHE || !late.has_sharing);
    return 0;
}
