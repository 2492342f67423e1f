/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/digests.h"

#include <assert.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/map.h"
#include "base/vec.h"
#include "codec/sha256.h"
#include "os/file.h"

enum {
    RECORDS_MAX = 200 * 1000,
    STAMP_BYTES = 6 * 8,
    RECORD_BYTES = STAMP_BYTES + SHA256_HEX,
};

static const int64_t SECOND_NS = 1000000000;
static const int64_t SETTLED_NS = 60 * SECOND_NS;
static const uint64_t WORTH_BYTES = 8 << 20; /* to be hashed: a few milliseconds */
static const char header[] = "kiln-digests-2\n";

/* As it is in the file; the numbers of the stamp are little-endian. */
typedef struct Known {
    unsigned char stamp[STAMP_BYTES];
    char hex[SHA256_HEX];
    bool used; /* not in the file */
} Known;
_Static_assert(offsetof(Known, used) == RECORD_BYTES, "written as it is");

/* A mounted file system. */
typedef struct Device {
    uint64_t dev;
    uint64_t fsid; /* most make it of their UUID, some of the device's number */
    bool is_disk;
} Device;

struct Digests {
    char *path;
    int64_t settled_before_ns;
    Arena arena;
    Map known;           /* stamp -> Known */
    VEC(Device) devices; /* those asked about */
    uint64_t new_bytes;
    bool was_of_use;
};

static void put_number(unsigned char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

static const Device *find_device(const Digests *d, uint64_t dev)
{
    vec_foreach(known, &d->devices)
        if (known->dev == dev)
            return known;
    return NULL;
}

static void format_stamp(const Digests *d, const FileStamp *s, unsigned char ret[STAMP_BYTES])
{
    const Device *on = find_device(d, s->dev);

    put_number(ret, s->dev);
    put_number(ret + 8, on ? on->fsid : 0);
    put_number(ret + 16, s->ino);
    put_number(ret + 24, s->size);
    put_number(ret + 32, (uint64_t)s->mtime_ns);
    put_number(ret + 40, (uint64_t)s->ctime_ns);
}

static Str stamp_str(const unsigned char *stamp)
{
    return (Str){(const char *)stamp, STAMP_BYTES};
}

/* --- the file --- */

/* Its records, or "" when it is not whole. */
static Str checked(Str file)
{
    Str head = {header, sizeof(header) - 1}, body;
    unsigned char sum[SHA256_BYTES];

    if (!str_starts(file, head) || file.n < head.n + SHA256_BYTES)
        return S("");
    body = str_head(file, file.n - SHA256_BYTES);
    sha256_of(body.p, body.n, sum);
    if (memcmp(sum, body.p + body.n, SHA256_BYTES) != 0)
        return S("");
    body = str_skip(body, head.n);
    return body.n % RECORD_BYTES == 0 ? body : S("");
}

static void read_records(Digests *d)
{
    cleanup_buf Buf file = BUF_INIT((size_t)RECORDS_MAX * RECORD_BYTES + BUF_SMALL);
    Str records;
    Err ignored;

    if (file_read(AT_FDCWD, d->path, &file, &ignored) < 0)
        return;
    records = checked(buf_str(&file));
    for (size_t at = 0; at < records.n; at += RECORD_BYTES) {
        Known *k = arena_new(&d->arena, Known);

        memcpy(k, records.p + at, RECORD_BYTES);
        (void)map_set(&d->known, stamp_str(k->stamp), k);
    }
}

static void write_records(const Digests *d, bool used, size_t *n, Buf *out)
{
    map_foreach(e, &d->known) {
        const Known *k = e->value;

        if (k->used != used || *n >= RECORDS_MAX)
            continue;
        buf_append(out, k, RECORD_BYTES);
        (*n)++;
    }
}

int digests_save(Digests *d, Err *err)
{
    cleanup_buf Buf out = BUF_INIT((size_t)RECORDS_MAX * RECORD_BYTES + BUF_SMALL);
    unsigned char sum[SHA256_BYTES];
    size_t n = 0;

    if (d->new_bytes < WORTH_BYTES) {
        if (d->was_of_use) /* kiln prune goes by it */
            (void)utimensat(AT_FDCWD, d->path, NULL, 0);
        return 0;
    }
    buf_append(&out, header, sizeof(header) - 1);
    write_records(d, true, &n, &out);
    write_records(d, false, &n, &out);
    sha256_of(out.p, out.n, sum);
    buf_append(&out, sum, sizeof(sum));
    TRY(file_write(AT_FDCWD, d->path, 0600, buf_str(&out), err));
    d->new_bytes = 0;
    return 0;
}

/* --- the object --- */

Digests *digests_open(const char *kiln_dir, int64_t now_ns)
{
    Digests *d = NEW(Digests);
    cleanup_arena Arena a = ARENA_INIT;

    d->path = str_dup(str_fmt_in(&a, "%s/" DIGESTS_NAME, kiln_dir));
    d->settled_before_ns = now_ns - SETTLED_NS;
    read_records(d);
    return d;
}

void digests_free(Digests *d)
{
    if (!d)
        return;
    map_done(&d->known);
    vec_done(&d->devices);
    arena_done(&d->arena);
    free(d->path);
    free(d);
}

static bool is_disk(const struct statfs *st)
{
    static const uint64_t known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if ((uint64_t)st->f_type == known[i])
            return true;
    return false;
}

static const Device *ask_device(Digests *d, uint64_t dev, int fd)
{
    const Device *known = find_device(d, dev);
    Device fresh = {.dev = dev};
    struct statfs st;

    if (known)
        return known;
    if (fstatfs(fd, &st) == 0) {
        _Static_assert(sizeof(st.f_fsid) == sizeof(fresh.fsid), "two numbers of 32 bits");
        memcpy(&fresh.fsid, &st.f_fsid, sizeof(fresh.fsid));
        fresh.is_disk = is_disk(&st);
    }
    vec_push(&d->devices, fresh);
    return &d->devices.v[d->devices.n - 1];
}

bool digests_may_keep(Digests *d, const FileStamp *s, int fd)
{
    return ask_device(d, s->dev, fd)->is_disk && s->ctime_ns < d->settled_before_ns &&
           s->ctime_ns % SECOND_NS != 0;
}

Str digests_find(Digests *d, const FileStamp *s)
{
    unsigned char stamp[STAMP_BYTES];
    Known *k;

    format_stamp(d, s, stamp);
    k = map_find(&d->known, stamp_str(stamp));
    if (!k)
        return S("");
    k->used = d->was_of_use = true;
    return (Str){k->hex, SHA256_HEX};
}

void digests_add(Digests *d, const FileStamp *s, Str hex)
{
    Known *k = arena_new(&d->arena, Known);

    assert(hex.n == SHA256_HEX);
    k->used = true;
    format_stamp(d, s, k->stamp);
    memcpy(k->hex, hex.p, SHA256_HEX);
    if (!map_set(&d->known, stamp_str(k->stamp), k))
        d->new_bytes += s->size;
}
