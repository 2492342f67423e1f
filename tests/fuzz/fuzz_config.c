/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations: parse, copy, write; what was written parses and is written the same. */
#include <assert.h>

#include "base/limits.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_image_config ImageConfig c = {0}, copy = {0}, again = {0};
    cleanup_buf Buf once = BUF_INIT(LIMIT_CONFIG), twice = BUF_INIT(LIMIT_CONFIG);
    Str json = {n ? (const char *)data : "", n};
    Err err;

    if (image_config_parse(json, &c, &err) < 0)
        return 0;
    image_config_copy(&c, &copy);
    image_config_format(&copy, &once);
    if (once.full)
        return 0;
    assert(image_config_parse(buf_str(&once), &again, &err) == 0);
    image_config_format(&again, &twice);
    assert(str_eq(buf_str(&once), buf_str(&twice)));
    return 0;
}
