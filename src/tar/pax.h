/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/pax.h - the records of PAX extended headers, "LENGTH KEY=VALUE\n": text to what they say, and
 * back.
 *
 * Ownership  a PaxInfo's strings point into the text that it was parsed from.
 * Errors     ERR_FORMAT, ERR_LIMIT.
 * Internal   to tar/.
 */
#pragma once

#include "base/vec.h"
#include "tar/sparse.h"

/* What a header has said: bits of PaxInfo.has. */
enum {
    PAX_PATH = 1 << 0,
    PAX_LINK = 1 << 1,
    PAX_SIZE = 1 << 2,
    PAX_UID = 1 << 3,
    PAX_GID = 1 << 4,
    PAX_MTIME = 1 << 5,
    PAX_DEV_MAJOR = 1 << 6,
    PAX_DEV_MINOR = 1 << 7,
    PAX_SPARSE_MAJOR = 1 << 8,
    PAX_SPARSE_MINOR = 1 << 9,
    PAX_SPARSE_NAME = 1 << 10,
    PAX_SPARSE_SIZE = 1 << 11,      /* 0.x */
    PAX_SPARSE_REAL_SIZE = 1 << 12, /* 1.0 */
    PAX_SPARSE_BLOCKS = 1 << 13,    /* 0.x */
    PAX_SPARSE_MAP = 1 << 14,       /* 0.1 */
    PAX_SPARSE_RUNS = 1 << 15,      /* 0.0: kept in 'runs' */
    PAX_FOREIGN_HOLES = 1 << 16,    /* a sparse file in the manner of Solaris */
};

typedef struct PaxInfo {
    unsigned has;     /* PAX_*: said, and not empty */
    unsigned cleared; /* said to be empty: not even a global default holds */
    Str path, link;
    uint64_t size, uid, gid;
    int64_t mtime_ns;
    uint32_t dev_major, dev_minor;

    Str sparse_major, sparse_minor, sparse_name, sparse_map;
    uint64_t sparse_size, sparse_real_size, sparse_blocks;
    TarRuns runs;
    Str foreign_holes;

    VEC(Xattr) xattrs; /* in the order of the records; a later one of the same name holds */
} PaxInfo;

void pax_done(PaxInfo *p);
void pax_reset(PaxInfo *p); /* empty again, memory kept */

/* Take what an 'x' header says, all of it, in place of what was there. */
int pax_parse(Str text, PaxInfo *ret, Err *err) must_check;

/*
 * Add what a 'g' header says to the defaults of the entries that follow. Of those that make sense
 * for more than one file, uid, gid and mtime are known; a name, a size or a map is ERR_FORMAT:
 * programs disagree on what to do with one, and where they do, two of them see different files in
 * one archive.
 */
int pax_parse_defaults(Str text, PaxInfo *defaults, Err *err) must_check;

/* Say what 'defaults' say where p itself is silent. */
void pax_apply_defaults(PaxInfo *p, const PaxInfo *defaults);

/* The xattrs, unique; owned by caller, NULL for none. */
Xattrs *pax_xattrs(PaxInfo *p) must_check;

/* Append one record. The key is given in two parts, since it is mostly a prefix and a name. */
void pax_add(Buf *to, Str key, Str key_rest, Str value);
void pax_add_u64(Buf *to, Str key, uint64_t v);
void pax_add_time(Buf *to, Str key, int64_t ns);
