/* SPDX-License-Identifier: Apache-2.0 */
/* Packets: as lines, and as bands. */
#include "git/pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static PktReader p;
    MemReader in = mem_reader((Str){(const char *)data, n});
    char block[100];
    BandReader b;
    PktKind kind;
    Err err;

    pkt_init(&p, &in.r);
    while (pkt_line(&p, &kind, &err) == 0 && kind != PKT_EOF)
        if (p.data.n > PKT_MAX)
            abort();
    in = mem_reader((Str){(const char *)data, n});
    pkt_init(&p, &in.r);
    b = band_reader(&p);
    while (reader_read(&b.r, block, sizeof(block), &err) > 0)
        ;
    return 0;
}
