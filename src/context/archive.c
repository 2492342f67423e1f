/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive becomes a context in one pass, while it comes:
 *
 *      Bringer -> | pipe | -> decompress -> tar -> tree, and the bytes of files -> spool
 *      `- thread -'        `---------------- thread ---------------------------------'
 *
 * The building thread waits for the end when the first instruction wants files. Before that it asks
 * for the Dockerfile, which it gets as soon as that file has passed by; should the archive have
 * another file of that name later, that is an error rather than a guess.
 */
#include <pthread.h>

#include "base/limits.h"
#include "codec/decompress.h"
#include "context/kinds.h"
#include "layer/apply.h"
#include "os/fd.h"
#include "os/pipe.h"
#include "os/pool.h"

enum {
    PIPE_BLOCKS = 4
};

typedef struct Archive {
    Context c;
    Bringer *from;
    Pool *pool;
    Pipe *pipe;
    Task *bringing, *unpacking; /* NULL: joined */
    Err cause;                  /* why it failed, once that is known */
    bool is_known;
    int spool;
    ArchiveOpts how;
    char *sub_path; /* cleaned; "" = all */
    bool bare_file;
    char *first; /* cleaned path in the archive, sub path included; NULL = none */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    bool ended, failed;
    bool bare;                 /* no archive: 'first_text' is all there was */
    bool has_first, has_given; /* it, to context_read() */
    uint64_t first_at;         /* in the spool */
    Buf first_text;
} Archive;

static void must(int r)
{
    if (r != 0)
        abort(); /* a mutex of our own in a state that the code does not allow */
}

/* --- the two threads --- */

static int bring(void *arg, Err *err)
{
    Archive *a = arg;
    int rc = a->from->bring(a->from, pipe_writer(a->pipe), err);

    pipe_close_write(a->pipe, rc < 0 ? err : NULL);
    return rc;
}

/* What was looked at, and then the rest. */
typedef struct Rewound {
    Reader r;
    Str head;
    Reader *rest;
} Rewound;

static ssize_t read_rewound(Reader *self, void *buf, size_t n, Err *err)
{
    Rewound *r = (Rewound *)self;

    if (r->head.n == 0)
        return reader_read(r->rest, buf, n, err);
    if (n > r->head.n)
        n = r->head.n;
    memcpy(buf, r->head.p, n);
    r->head = str_skip(r->head, n);
    return (ssize_t)n;
}

/* A file has been unpacked: is it the one that the building thread waits for? */
static int on_stored(void *ctx, const Node *n, Err *err)
{
    Archive *a = ctx;
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH), text = BUF_INIT(LIMIT_DOCKERFILE);
    FdRangeReader r = fd_range_reader(a->spool, n->inode->content.offset, n->inode->size);

    if (n->inode->content.offset > LIMIT_CONTEXT)
        return err_set(err, ERR_LIMIT, "the context is larger than %ju bytes",
                       (uintmax_t)LIMIT_CONTEXT);
    if (!a->first || !str_eq(node_name(n), path_base(str_from(a->first))))
        return 0;
    node_path_to(n, &path);
    if (!str_eq(buf_str(&path), str_from(a->first)))
        return 0;
    TRY(reader_read_all(&r.r, &text, a->first, err));
    must(pthread_mutex_lock(&a->lock));
    if (!a->has_given) {
        buf_truncate(&a->first_text, 0);
        buf_add(&a->first_text, buf_str(&text));
        a->first_at = n->inode->content.offset;
        a->has_first = true;
    }
    must(pthread_cond_broadcast(&a->moved));
    must(pthread_mutex_unlock(&a->lock));
    return 0;
}

/* All of it, whatever it is, as a file. */
static int take_file(Archive *a, Reader *in, Err *err)
{
    FdWriter out = fd_writer(a->spool);
    Inode *i = tree_inode_new(a->c.tree, S_IFREG | 0600);
    Node *n;

    TRY(io_copy(in, &out.w, &i->size, err));
    i->content = (Content){.layer = 1};
    return tree_add(a->c.tree, tree_root(a->c.tree), S("context"), i, &n, err);
}

static int take_bare(Archive *a, Reader *in, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERFILE);

    if (a->bare_file && a->how.maybe_dockerfile)
        return take_file(a, in, err);
    TRY(reader_read_all(in, &text, "the Dockerfile", err));
    if (text.n == 0)
        return err_set(err, ERR_FORMAT, "it is empty: expected a tar archive%s",
                       a->how.maybe_dockerfile ? " or a Dockerfile" : "");
    if (!a->how.maybe_dockerfile || memchr(text.p, '\0', text.n))
        return err_set(err, ERR_FORMAT, "it is not a tar archive%s",
                       a->how.maybe_dockerfile ? ", and no Dockerfile" : "");
    must(pthread_mutex_lock(&a->lock));
    a->bare = true;
    buf_add(&a->first_text, buf_str(&text));
    must(pthread_mutex_unlock(&a->lock));
    return 0;
}

static int unpack_stream(Archive *a, Err *err)
{
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    ApplySpool spool = {.fd = a->spool, .stored = on_stored, .ctx = a};
    ApplyOpts o = {.tree = a->c.tree, .spool = &spool, .layer = 1, .plain = true};
    char block[TAR_BLOCK];
    Rewound in = {.r = {read_rewound}};
    size_t n;

    TRY(decoder_new_sniff(pipe_reader(a->pipe), &d, NULL, err));
    TRY(reader_read_full(decoder_reader(d), block, sizeof(block), &n, err));
    in.head = (Str){block, n};
    in.rest = decoder_reader(d);
    if (!tar_looks_like(block, n))
        return take_bare(a, &in.r, err);
    return layer_apply(&in.r, &o, err);
}

static int unpack(void *arg, Err *err)
{
    Archive *a = arg;
    int rc = unpack_stream(a, err);

    pipe_close_read(a->pipe);
    must(pthread_mutex_lock(&a->lock));
    a->ended = true;
    a->failed = rc < 0;
    must(pthread_cond_broadcast(&a->moved));
    must(pthread_mutex_unlock(&a->lock));
    return rc;
}

/* --- its end, on the building thread --- */

/* Why it failed: for want of bytes, or because of them. */
static int join(Archive *a, Err *err)
{
    Err of_bringing;
    int unpacked, brought;

    unpacked = task_join(steal_ptr(&a->unpacking), err);
    brought = task_join(steal_ptr(&a->bringing), &of_bringing);
    if (brought < 0 && (unpacked == 0 || of_bringing.kind != ERR_CANCELLED))
        *err = of_bringing;
    if (unpacked == 0 && brought == 0)
        return 0;
    if (err->kind == ERR_NOT_FOUND)
        err->kind = ERR_USAGE; /* the context is missing, not a file in it */
    return err_wrap(err, "the context %s", a->c.name);
}

static int check_first(Archive *a, Err *err)
{
    Node *n;

    if (!a->has_given || a->bare)
        return 0;
    TRY(tree_at(a->c.tree, str_from(a->first), &n, err));
    if (n && S_ISREG(n->inode->mode) && n->inode->content.offset == a->first_at)
        return 0;
    return err_set(err, ERR_FORMAT, "the context %s has more than one file %s", a->c.name,
                   a->first);
}

static int cut_sub_path(Archive *a, Err *err)
{
    Node *n;
    Tree *below;

    if (!*a->sub_path)
        return 0;
    TRY(tree_lookup(a->c.tree, str_from(a->sub_path), true, &n, err));
    if (!n || !node_is_dir(n))
        return err_set(err, ERR_USAGE, "the context %s has no directory %s", a->c.name,
                       a->sub_path);
    below = tree_clone_below(n);
    tree_free(a->c.tree);
    a->c.tree = below;
    return 0;
}

/*
 * Not every archive has an entry for its root, and a directory's own time says when something was
 * last put beside what is copied: in no kind of context it counts.
 */
static void forget_root(Tree *t)
{
    tree_root(t)->inode->mtime_ns = 0;
}

/* All is there, and nothing excluded yet. */
static int finish(Archive *a, Err *err)
{
    if (a->is_known) {
        *err = a->cause;
        return -1;
    }
    if (!a->unpacking)
        return 0;
    if (join(a, err) < 0 || check_first(a, err) < 0 || cut_sub_path(a, err) < 0) {
        a->is_known = true;
        a->cause = *err;
        return -1;
    }
    forget_root(a->c.tree);
    a->c.time_ns = a->from->time_ns;
    return 0;
}

static int archive_load(Context *self, Err *err)
{
    TRY(finish((Archive *)self, err));
    return context_prune(self, err);
}

static int archive_check(Context *self, Err *err)
{
    Archive *a = (Archive *)self;
    bool failed;

    must(pthread_mutex_lock(&a->lock));
    failed = a->failed;
    must(pthread_mutex_unlock(&a->lock));
    return failed ? finish(a, err) : 0;
}

/* 1: the text is in *ret. 0: it is not known yet whether the file is there, or never will be. */
static int wait_for_first(Archive *a, Buf *ret, Err *err)
{
    bool here;

    must(pthread_mutex_lock(&a->lock));
    while (!a->has_first && !a->ended)
        must(pthread_cond_wait(&a->moved, &a->lock));
    here = a->has_first || (a->ended && !a->failed && a->bare);
    if (here)
        buf_add(ret, buf_str(&a->first_text));
    a->has_given = here;
    must(pthread_mutex_unlock(&a->lock));
    return here && buf_check(ret, "the Dockerfile", err) < 0 ? -1 : here;
}

static int archive_read(Context *self, const char *path, Buf *ret, Err *err)
{
    Archive *a = (Archive *)self;
    cleanup_arena Arena names = ARENA_INIT;
    Str in_archive = path_rooted(&names, str_fmt_in(&names, "%s/%s", a->sub_path, path));

    if (a->first && str_eq(in_archive, str_from(a->first))) {
        int here = wait_for_first(a, ret, err);

        if (here != 0)
            return here < 0 ? -1 : 0;
    }
    TRY(finish(a, err));
    return context_spool_read(self, a->spool, path, ret, err);
}

/* --- the object --- */

static int open_file(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const Archive *a = (const Archive *)((const char *)self - offsetof(Archive, c.files));

    return context_spool_open(a->spool, n, ret, err);
}

static void archive_free(Context *self)
{
    Archive *a = (Archive *)self;
    Err ignored;

    if (a->pipe)
        pipe_close_read(a->pipe);
    if (a->unpacking)
        (void)(join(a, &ignored) < 0);
    context_done(self);
    pool_free(a->pool);
    pipe_free(a->pipe);
    a->from->free(a->from);
    (void)pthread_cond_destroy(&a->moved);
    (void)pthread_mutex_destroy(&a->lock);
    close_at(&a->spool);
    buf_done(&a->first_text);
    free(a->sub_path);
    free(a->first);
    free(a);
}

static const ContextOps archive_ops = {.load = archive_load,
                                       .check = archive_check,
                                       .read = archive_read,
                                       .free = archive_free};

static void set_paths(Archive *a, const ContextOpts *o)
{
    cleanup_arena Arena names = ARENA_INIT;
    const char *sub_path = o->sub_path ? o->sub_path : "";

    a->bare_file = o->bare_file;
    a->sub_path = str_dup(path_rooted(&names, str_from(sub_path)));
    if (o->first)
        a->first = str_dup(path_rooted(&names, str_fmt_in(&names, "%s/%s", a->sub_path, o->first)));
}

int archive_context_new(Bringer *taken, const ArchiveOpts *how, const ContextOpts *o, Context **ret,
                        Err *err)
{
    Archive *a = NEW(Archive);
    cleanup_with(context_free_at) Context *guard = &a->c;

    context_init(&a->c, &archive_ops, how->name);
    a->c.no_ignore = how->no_ignore;
    a->c.files.open = open_file;
    a->c.tree = tree_new();
    a->from = taken;
    a->how = *how;
    a->spool = -1;
    a->first_text = (Buf)BUF_INIT(LIMIT_DOCKERFILE);
    must(pthread_mutex_init(&a->lock, NULL));
    must(pthread_cond_init(&a->moved, NULL));
    set_paths(a, o);
    TRY(context_spool_new(o, &a->spool, err));
    a->pipe = pipe_new(PIPE_BLOCKS, NULL, NULL);
    a->pool = pool_new(2);
    a->bringing = pool_submit(a->pool, bring, a);
    a->unpacking = pool_submit(a->pool, unpack, a);
    *ret = steal_ptr(&guard);
    return 0;
}
