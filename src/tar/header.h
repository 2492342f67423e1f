/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/header.h - the 512-byte block of an entry: its fields, numbers and checksum.
 *
 * Ownership  a TarHead's strings point into the block it was decoded from.
 * Errors     ERR_FORMAT for a number that is none, ERR_LIMIT for a size beyond LIMIT_FILE_SIZE.
 * Internal   to tar/.
 */
#pragma once

#include "tar/tar.h"

/* A run of data as old GNU sparse headers hold it: two numbers. */
typedef struct TarBlockRun {
    char at[12], n[12];
} TarBlockRun;

/* The block as it lies in the archive: characters only, so any 512 bytes can be seen as one. */
typedef struct TarBlock {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char sum[8];
    char flag;
    char link[100];
    char magic[6], version[2];
    char uname[32], gname[32];
    char major[8], minor[8];
    union {
        char prefix[155]; /* ustar: the directories of a long name */
        struct {
            char prefix[131]; /* star keeps times behind a shorter one */
        } star;
        struct {
            char atime[12], ctime[12], multi[12], longnames[4], unused;
            TarBlockRun runs[4];
            char extended; /* more runs in the blocks that follow */
            char real_size[12];
        } gnu;
        char bytes[167];
    } tail;
} TarBlock;

/* The block that continues a list of runs (old GNU sparse). */
typedef struct TarBlockRuns {
    TarBlockRun runs[21];
    char extended;
    char unused[7];
} TarBlockRuns;

_Static_assert(sizeof(TarBlock) == TAR_BLOCK, "a header is one block");
_Static_assert(sizeof(TarBlockRuns) == TAR_BLOCK, "so is its continuation");

typedef enum TarDialect {
    TAR_V7,
    TAR_USTAR, /* and PAX */
    TAR_STAR,
    TAR_GNU,
} TarDialect;

/* One decoded header, before anything extended is applied to it. */
typedef struct TarHead {
    TarDialect dialect;
    Str prefix, name, link; /* the name is prefix/name, unless there is no prefix */
    uint32_t mode;
    uint64_t uid, gid;
    uint64_t size; /* of the data that follows */
    int64_t mtime_ns;
    uint32_t dev_major, dev_minor; /* of devices; else 0 */
} TarHead;

/* Nothing but zeros: half of an end mark. */
bool tar_block_empty(const TarBlock *b);

/*
 * The checksum is right, added up as unsigned or (as some old programs did) as signed characters.
 */
bool tar_block_valid(const TarBlock *b);

/* Put the checksum in; the block is complete. */
void tar_block_seal(TarBlock *b);

TarDialect tar_block_dialect(const TarBlock *b);

/* The characters of a field up to a NUL. */
Str tar_field(const char *p, size_t n);

/*
 * A number: octal digits, or GNU's base-256, which may be negative. False when it is neither or
 * overflows.
 */
bool tar_number(const char *p, size_t n, int64_t *ret) must_check;

/* Store an octal number with its NUL; false, and zero stored, when it does not fit. */
bool tar_number_put(char *p, size_t n, uint64_t v) must_check;

/* The size field alone: all that is wanted of a header of headers. */
int tar_block_size(const TarBlock *b, uint64_t *ret, Err *err) must_check;

int tar_block_decode(const TarBlock *b, TarHead *ret, Err *err) must_check;

/* A user or group number as TarEntry has it; false when it is beyond any range. */
bool tar_id(int64_t v, uint64_t *ret) must_check;

/* Seconds and nanoseconds (of the same sign) to one number, clamped to what it can hold. */
int64_t tar_time_ns(int64_t seconds, int64_t ns);
