/* SPDX-License-Identifier: Apache-2.0 */
/* AWS configuration files: what is accepted can be looked up; what is refused is not quoted. */
#include "cloud/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Ini ini = {0};
    Err err;

    if (ini_parse((Str){(const char *)data, n}, "config", &ini, &err) == 0) {
        vec_foreach(s, &ini.sections) {
            if (ini_section(&ini, s->name) != s)
                abort();
            vec_foreach(kv, &s->values)
                if (kv->key.n + kv->value.n > n || !str_eq(ini_value(s, kv->key.p), kv->value))
                    if (!memchr(kv->key.p, '\0', kv->key.n)) /* no such key is ever asked for */
                        abort();
        }
    } else if (err.kind != ERR_FORMAT && err.kind != ERR_LIMIT) {
        abort();
    }
    ini_done(&ini);
    return 0;
}
