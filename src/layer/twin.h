/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/twin.h - the same layer under another digest.
 *
 * Why  a registry that has wrong bytes under a digest cannot be given the right ones: it believes
 *      that it has them. Behind a compressed layer something is added that unpacks to nothing: an
 *      empty gzip member (RFC 1952, 2.2), a skippable zstd frame (RFC 8878, 3.1.2). The diff id
 *      stays.
 */
#pragma once

#include "layer/compress.h"

/*
 * 'blob', which is in the store, becomes its twin, which is there then too. Marks make twins that
 * differ. 1: done; 0: an uncompressed layer has none. On failure 'blob' is as it was.
 */
int layer_twin(Store *s, Compression kind, uint32_t mark, LayerBlob *blob, Err *err) must_check;
