/* SPDX-License-Identifier: Apache-2.0 */
/* The choice on machines without ISA-L: zlib does both. */
#include "codec/flate.h"

const Inflater *inflate_fast(void)
{
    return &inflate_zlib;
}

const Deflater *deflate_fast(void)
{
    return &deflate_zlib;
}
