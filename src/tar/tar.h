/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/tar.h - one archive entry, as both the reader and the writer see it.
 *
 * Formats read: v7, ustar, PAX (POSIX.1-2001), GNU (long names, base-256 numbers, old and PAX
 * sparse). Written: ustar, with a PAX header exactly where ustar cannot say it.
 */
#pragma once

#include "base/io.h"
#include "os/xattr.h"

#define TAR_BLOCK 512u /* bytes */

typedef enum TarType {
    TAR_FILE,
    TAR_DIR,
    TAR_SYMLINK,
    TAR_HARDLINK, /* 'link' names an earlier entry */
    TAR_CHAR,
    TAR_BLOCK_DEVICE,
    TAR_FIFO,
} TarType;

typedef struct TarEntry {
    TarType type;
    Str name;      /* as in the archive, except that trailing slashes of directories are gone
                          ("/" stays "/") */
    Str link;      /* TAR_SYMLINK, TAR_HARDLINK; else empty */
    uint32_t mode; /* permission bits incl. setuid, setgid, sticky; no type bits */
    /*
     * Names in the archive are ignored: numbers only. A negative one, as some archives have for
     * 'nobody', is read as the 32-bit number the kernel makes of it.
     */
    uint64_t uid, gid;
    uint64_t size;    /* TAR_FILE: logical bytes, holes included; else 0 */
    int64_t mtime_ns; /* what an int64 cannot hold (before 1677, after 2262) is clamped */
    uint32_t dev_major, dev_minor; /* TAR_CHAR, TAR_BLOCK_DEVICE; else 0 */
    const Xattrs *xattrs;          /* SCHILY.xattr.*; NULL for none */
} TarEntry;

/* Data of a sparse file: bytes [at, at+n); what no run covers is a hole. */
typedef struct TarRun {
    uint64_t at, n;
} TarRun;
