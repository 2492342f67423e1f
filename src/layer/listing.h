/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer/listing.h - the archive of a layer without what is in its files: as long, with the same
 * headers at the same places, but zeros for data. A tree is the same whether it was made from a
 * layer or from its listing, offsets of files included; compressed, a listing is a small part of
 * its layer.
 *
 * Files called passwd and group keep their bytes: apply keeps those (KeptFile).
 */
#pragma once

#include "base/io.h"

/* Read 'in' to its end. ERR_FORMAT as layer_apply(); ERR_LIMIT for headers without end. */
int layer_listing(Reader *in, Writer *out, Err *err) must_check;
