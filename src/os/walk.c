/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getdents64 is called directly: readdir(3) would hide the block size and cost an allocation for
 * each directory. A DirList keeps all names in one block that moves as it grows, so the entries'
 * pointers are set at the end, when the block stays.
 */
#include "os/walk.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/limits.h"

/* The kernel's struct linux_dirent64; reclen is a multiple of 8. */
typedef struct RawEntry {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    unsigned char type;
    char name[];
} RawEntry;

int dir_open_at(int dirfd, const char *name, Err *err)
{
    cleanup_close int held = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = -1;

    if (held >= 0)
        fd = openat(held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : err_sys(err, "open directory %s", name);
}

void dir_cursor_init(DirCursor *c, int fd)
{
    c->fd = fd;
    c->off = 0;
    c->at = c->n = 0;
}

int dir_cursor_seek(DirCursor *c, int64_t off, Err *err)
{
    if (lseek(c->fd, off, SEEK_SET) < 0)
        return err_sys(err, "seek in directory");
    c->off = off;
    c->at = c->n = 0;
    return 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

int dir_cursor_next(DirCursor *c, DirEntry *ret, Err *err)
{
    for (;;) {
        const RawEntry *e;

        if (c->at == c->n) {
            long k = syscall(SYS_getdents64, c->fd, c->block, sizeof(c->block));

            if (k == 0 || (k < 0 && errno == ENOENT)) /* ENOENT: it has been removed itself */
                return 0;
            if (k < 0)
                return err_sys(err, "read directory");
            c->at = 0;
            c->n = (size_t)k;
        }
        e = (const RawEntry *)(const void *)(c->block + c->at);
        c->at += e->reclen;
        c->off = e->off;
        if (is_dots(e->name))
            continue;
        *ret = (DirEntry){.name = e->name, .ino = e->ino, .type = e->type};
        return 1;
    }
}

static void list_add(DirList *l, const DirEntry *e)
{
    size_t size = strlen(e->name) + 1;

    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = xgrow(l->v, l->cap, sizeof(*l->v));
    }
    if (size > l->names_cap - l->names_n) {
        size_t cap = l->names_cap ? l->names_cap : 1024;

        while (cap - l->names_n < size)
            cap *= 2;
        l->names = xgrow(l->names, cap, 1);
        l->names_cap = cap;
    }
    memcpy(l->names + l->names_n, e->name, size);
    l->names_n += size;
    l->v[l->n++] = *e;
}

int dir_list(int fd, DirList *ret, Err *err)
{
    DirCursor c;
    DirEntry e;
    const char *name;
    int got;

    ret->n = ret->names_n = 0;
    dir_cursor_init(&c, fd);
    TRY(dir_cursor_seek(&c, 0, err));
    while ((got = dir_cursor_next(&c, &e, err)) > 0) {
        if (ret->n == LIMIT_TREE_NODES)
            return err_set(err, ERR_LIMIT, "a directory has more than %u entries",
                           LIMIT_TREE_NODES);
        list_add(ret, &e);
    }
    TRY(got);
    name = ret->names;
    for (size_t i = 0; i < ret->n; i++) {
        ret->v[i].name = name;
        name += strlen(name) + 1;
    }
    return 0;
}

static int entry_cmp(const void *a, const void *b)
{
    return strcmp(((const DirEntry *)a)->name, ((const DirEntry *)b)->name);
}

void dir_list_sort(DirList *l)
{
    if (l->n > 1)
        qsort(l->v, l->n, sizeof(*l->v), entry_cmp);
}

void dir_list_done(DirList *l)
{
    free(l->v);
    free(l->names);
    *l = (DirList){0};
}

static struct statx_timestamp timestamp(struct timespec t)
{
    return (struct statx_timestamp){.tv_sec = t.tv_sec, .tv_nsec = (uint32_t)t.tv_nsec};
}

static void from_stat(const struct stat *st, struct statx *ret)
{
    *ret = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)st->st_blksize,
        .stx_nlink = (uint32_t)st->st_nlink,
        .stx_uid = st->st_uid,
        .stx_gid = st->st_gid,
        .stx_mode = (uint16_t)st->st_mode,
        .stx_ino = st->st_ino,
        .stx_size = (uint64_t)st->st_size,
        .stx_blocks = (uint64_t)st->st_blocks,
        .stx_atime = timestamp(st->st_atim),
        .stx_ctime = timestamp(st->st_ctim),
        .stx_mtime = timestamp(st->st_mtim),
        .stx_rdev_major = major(st->st_rdev),
        .stx_rdev_minor = minor(st->st_rdev),
        .stx_dev_major = major(st->st_dev),
        .stx_dev_minor = minor(st->st_dev),
    };
}

/* 0 or -1 with errno. Not with AT_NO_AUTOMOUNT: gVisor's statx does not know it. */
static int stat_any(int dirfd, const char *name, int flags, struct statx *ret)
{
    struct stat st;

    /* Not through libc: its own way around a missing statx knows fewer flags and says EINVAL. */
    if (syscall(SYS_statx, dirfd, name, flags | AT_STATX_DONT_SYNC,
                STATX_BASIC_STATS | STATX_MNT_ID, ret) == 0)
        return 0;
    /*
     * Container engines older than statx filter it out with EPERM, which statx itself never gives.
     */
    if (errno != ENOSYS && errno != EPERM)
        return -1;
    if (fstatat(dirfd, name, &st, flags) < 0)
        return -1;
    from_stat(&st, ret);
    return 0;
}

int stat_at(int dirfd, const char *name, struct statx *ret, Err *err)
{
    if (stat_any(dirfd, name, AT_SYMLINK_NOFOLLOW, ret) < 0)
        return err_sys(err, "stat %s", name);
    return 0;
}

int stat_fd(int fd, struct statx *ret, Err *err)
{
    if (stat_any(fd, "", AT_EMPTY_PATH, ret) < 0)
        return err_sys(err, "stat");
    return 0;
}
