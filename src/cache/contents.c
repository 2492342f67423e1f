/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are opened by the calling thread, a batch at a time, and hashed by the pool: a FileSource
 * belongs to one thread, and descriptors are few.
 */
#include "cache/contents.h"

#include <assert.h>
#include <sys/stat.h>
#include <time.h>

#include "base/map.h"
#include "codec/sha256.h"
#include "os/fd.h"

enum {
    BATCH_FILES = 16,
    BATCH_BYTES = 4 << 20,
    BATCHES_MAX = 16,
    TICK_NS = 20 * 1000 * 1000, /* more than that of the kernel's clock */
    SECOND_NS = 1000 * 1000 * 1000
};

typedef struct Hashed {
    FileStamp stamp;
    char hex[SHA256_HEX + 1];
} Hashed;

struct Contents {
    Pool *pool;
    Digests *earlier; /* NULL = nothing is known of earlier builds */
    Arena arena;
    Map known; /* Inode * -> Hashed */
};

Contents *contents_new(Pool *cpu, Digests *known)
{
    Contents *c = NEW(Contents);

    c->pool = cpu;
    c->earlier = known;
    return c;
}

void contents_free(Contents *c)
{
    if (!c)
        return;
    map_done(&c->known);
    arena_done(&c->arena);
    free(c);
}

static Hashed *find(const Contents *c, const Node *n)
{
    const Inode *i = n->inode;

    return map_find(&c->known, (Str){(const char *)&i, sizeof(i)});
}

Str contents_digest(const Contents *c, const Node *file)
{
    const Hashed *h = find(c, file);

    return h ? (Str){h->hex, SHA256_HEX} : S("");
}

static void keep(Contents *c, const Node *n, Hashed *h)
{
    const Inode *i = n->inode;

    (void)map_set(&c->known, (Str){(const char *)&i, sizeof(i)}, h);
}

void contents_know(Contents *c, const Node *file, Str hex)
{
    Hashed *h = arena_new(&c->arena, Hashed);

    assert(hex.n == SHA256_HEX);
    memcpy(h->hex, hex.p, SHA256_HEX);
    keep(c, file, h);
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int take_stamp(int fd, FileStamp *ret, Err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat");
    *ret = (FileStamp){st.st_dev, st.st_ino, (uint64_t)st.st_size, time_ns(st.st_mtim),
                       time_ns(st.st_ctim)};
    return 0;
}

static bool same_stamp(const FileStamp *a, const FileStamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* --- one batch, on a thread of the pool --- */

typedef struct Item {
    const Node *node;
    OpenFile file;
    Hashed *hashed;
    bool settled; /* will be known again */
} Item;

typedef struct Batch {
    Item v[BATCH_FILES];
    size_t n;
    uint64_t bytes;
    Task *task;
} Batch;

static int changed(const Node *n, Err *err)
{
    return err_set(err, ERR_FORMAT, "%s changes while it is read", n->name);
}

/*
 * What is written within the clock's tick after it was read would have the stamp that it had. Some
 * file systems' clocks know whole seconds only.
 */
static void let_clock_pass(const FileStamp *s)
{
    int64_t tick_ns = s->ctime_ns % SECOND_NS ? TICK_NS : SECOND_NS + TICK_NS, left_ns;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    left_ns = s->ctime_ns + tick_ns - time_ns(now);
    if (left_ns > 0 && left_ns <= 2 * tick_ns) /* else it is of another clock */
        (void)nanosleep(&(struct timespec){left_ns / SECOND_NS, left_ns % SECOND_NS}, NULL);
}

static int hash_bytes(const Item *i, Sha256 *hash, void *block, Err *err)
{
    uint64_t at = 0, size = i->node->inode->size;

    while (at < size) {
        size_t want = size - at < IO_BLOCK ? (size_t)(size - at) : IO_BLOCK, got;

        TRY(fd_pread_full(i->file.fd, block, want, i->file.at + at, &got, err));
        if (got < want)
            return changed(i->node, err);
        sha256_update(hash, block, got);
        at += got;
    }
    return 0;
}

static int hash_item(const Item *i, Sha256 *hash, void *block, Err *err)
{
    unsigned char sum[SHA256_BYTES];
    FileStamp after;
    int rc;

    TRY(take_stamp(i->file.fd, &i->hashed->stamp, err));
    let_clock_pass(&i->hashed->stamp);
    rc = hash_bytes(i, hash, block, err);
    sha256_final(hash, sum); /* ready for the next file, whatever became of this one */
    TRY(rc);
    TRY(take_stamp(i->file.fd, &after, err));
    if (!same_stamp(&i->hashed->stamp, &after))
        return changed(i->node, err);
    sha256_hex(sum, i->hashed->hex);
    return 0;
}

static int hash_batch(void *arg, Err *err)
{
    Batch *b = arg;
    cleanup_with(sha256_free_at) Sha256 *hash = sha256_new();
    cleanup_free char *block = NEW_N(char, IO_BLOCK);
    int rc = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (rc == 0)
            rc = hash_item(&b->v[i], hash, block, err);
        open_file_done(&b->v[i].file);
    }
    return rc;
}

/* --- all of them --- */

static void keep_item(Contents *c, const Item *i)
{
    keep(c, i->node, i->hashed);
    if (i->settled)
        digests_add(c->earlier, &i->hashed->stamp, (Str){i->hashed->hex, SHA256_HEX});
}

/* 1: an earlier build has hashed it as it is now. A part of a larger file has no stamp of its own. */
static int know_from_earlier(Contents *c, Item *i, Err *err)
{
    FileStamp s;
    Str hex;

    if (!c->earlier)
        return 0;
    TRY(take_stamp(i->file.fd, &s, err));
    if (i->file.at != 0 || s.size != i->node->inode->size ||
        !digests_may_keep(c->earlier, &s, i->file.fd))
        return 0;
    i->settled = true;
    hex = digests_find(c->earlier, &s);
    if (hex.n == 0)
        return 0;
    i->hashed->stamp = s;
    memcpy(i->hashed->hex, hex.p, hex.n);
    keep(c, i->node, i->hashed);
    return 1;
}

typedef struct Batches {
    Contents *c;
    Batch *v[BATCHES_MAX];
    size_t next; /* the slot to be used next: the oldest */
    int rc;
    Err err;
} Batches;

static void finish(Batches *bs, size_t slot)
{
    Batch *b = bs->v[slot];
    Err err;

    bs->v[slot] = NULL;
    if (!b)
        return;
    if (task_join(b->task, &err) < 0 && bs->rc == 0) {
        bs->rc = -1;
        bs->err = err;
    }
    for (size_t i = 0; i < b->n; i++)
        if (bs->rc == 0)
            keep_item(bs->c, &b->v[i]);
    free(b);
}

static void submit(Batches *bs, Batch **pb)
{
    Batch *b = steal_ptr(pb);

    if (!b)
        return;
    finish(bs, bs->next);
    b->task = pool_submit(bs->c->pool, hash_batch, b);
    bs->v[bs->next] = b;
    bs->next = (bs->next + 1) % BATCHES_MAX;
}

static int add_file(Batches *bs, Batch **pb, FileSource *from, const Node *n, Err *err)
{
    Item item = {.node = n, .file = OPEN_FILE_NONE};
    int known;

    TRY(from->open(from, n, &item.file, err));
    item.hashed = arena_new(&bs->c->arena, Hashed);
    known = know_from_earlier(bs->c, &item, err);
    if (known != 0) {
        open_file_done(&item.file);
        return known < 0 ? -1 : 0;
    }
    if (!*pb)
        *pb = NEW(Batch);
    (*pb)->v[(*pb)->n++] = item;
    (*pb)->bytes += n->inode->size;
    if ((*pb)->n == BATCH_FILES || (*pb)->bytes >= BATCH_BYTES)
        submit(bs, pb);
    return 0;
}

int contents_hash(Contents *c, FileSource *from, const NodeVec *files, Err *err)
{
    Batches bs = {.c = c};
    Batch *open = NULL;

    for (size_t i = 0; i < files->n && bs.rc == 0; i++)
        if (!find(c, files->v[i]) && add_file(&bs, &open, from, files->v[i], &bs.err) < 0)
            bs.rc = -1;
    submit(&bs, &open);
    for (size_t i = 0; i < BATCHES_MAX; i++)
        finish(&bs, i);
    if (bs.rc < 0)
        *err = bs.err;
    return bs.rc;
}

int contents_changed(const Contents *c, FileSource *from, const NodeVec *files, const Node **ret,
                     Err *err)
{
    vec_foreach(n, files) {
        cleanup_open_file OpenFile file = OPEN_FILE_NONE;
        const Hashed *h = find(c, *n);
        FileStamp now;

        *ret = *n;
        if (!h)
            return 1;
        TRY(from->open(from, *n, &file, err));
        TRY(take_stamp(file.fd, &now, err));
        if (!same_stamp(&h->stamp, &now))
            return 1;
    }
    return 0;
}
