/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are a table or a clear error; a table's strings are whole and its own. */
#include "os/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile size_t sink; /* keeps the reads alive */

static size_t touch(Str s)
{
    size_t sum = 0;

    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_mount_table MountTable t = {0};
    Err err = {0};
    size_t sum = 0;

    if (mountinfo_parse((Str){(const char *)data, n}, &t, &err) < 0) {
        if (err.kind != ERR_FORMAT || err.msg[0] == '\0' || t.mounts.n > 0)
            abort();
        return 0;
    }
    vec_foreach(m, &t.mounts) {
        if (m->point.n == 0 || m->type.n == 0)
            abort();
        sum += touch(m->point) + touch(m->root) + touch(m->type) + touch(m->source) +
               touch(m->options);
    }
    sink = sum;
    return 0;
}
