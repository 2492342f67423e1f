/* SPDX-License-Identifier: Apache-2.0 */
#include "os/environ.h"

#include <unistd.h>

void environ_copy(bool (*is_wanted)(Str name), Arena *arena, KeyValueVec *ret)
{
    for (char **e = environ; e && *e; e++) {
        KeyValue kv;

        if (!str_cut(str_from(*e), '=', &kv.key, &kv.value) || !is_wanted(kv.key))
            continue;
        kv.key = str_dup_in(arena, kv.key);
        kv.value = str_dup_in(arena, kv.value);
        vec_push(ret, kv);
    }
}
