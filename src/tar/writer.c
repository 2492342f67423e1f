/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is a ustar header whenever that can say it all. What it cannot say goes into a PAX header before it,
 * record by record in the order of their keys, and the ustar field holds the nearest thing: zero for a number, the
 * beginning of a name. Nothing in the bytes depends on anything but the entry.
 *
 * Data is counted off against pieces (see sparse.h); an ordinary file is one piece without zeros.
 */
#include "tar/writer.h"

#include <assert.h>

#include "base/limits.h"
#include "tar/pax.h"

static const size_t BUFFER = (size_t)64 << 10;     /* bytes */
static const size_t DIRECT_MIN = (size_t)16 << 10; /* larger pieces are not copied */
static const size_t MAP_MAX = (size_t)64 << 20;    /* text of LIMIT_SPARSE_PARTS runs */

static const unsigned char zeros[TAR_BLOCK];

struct TarWriter {
    Writer *out;
    unsigned char *buf;
    size_t held;     /* bytes in it */
    uint64_t offset; /* bytes given to buf or out */
    uint64_t start;  /* of the last entry */
    bool finished;

    Buf pax, name, map_text;
    TarRuns map;
    SparsePieces pieces; /* of the current file */
    size_t piece;        /* the current one */
};

TarWriter *tar_writer_new(Writer *out)
{
    TarWriter *t = NEW(TarWriter);

    t->out = out;
    t->buf = NEW_N(unsigned char, BUFFER);
    t->pax = (Buf)BUF_INIT(LIMIT_PAX_HEADER);
    t->name = (Buf)BUF_INIT(BUF_SMALL);
    t->map_text = (Buf)BUF_INIT(MAP_MAX);
    return t;
}

void tar_writer_free(TarWriter *t)
{
    if (!t)
        return;
    free(t->buf);
    buf_done(&t->pax);
    buf_done(&t->name);
    buf_done(&t->map_text);
    vec_done(&t->map);
    vec_done(&t->pieces);
    free(t);
}

uint64_t tar_writer_stored(const TarWriter *t, uint64_t *ret_at)
{
    uint64_t n = 0;

    vec_foreach(p, &t->pieces)
        n += p->data + p->zeros;
    *ret_at = t->offset;
    return n;
}

uint64_t tar_writer_offset(const TarWriter *t)
{
    return t->start;
}

/* --- bytes --------------------------------------------------------------------------------- */

static int flush(TarWriter *t, Err *err)
{
    size_t n = t->held;

    t->held = 0;
    return n ? writer_write(t->out, t->buf, n, err) : 0;
}

static int put(TarWriter *t, const void *p, size_t n, Err *err)
{
    if (n > BUFFER - t->held || n >= DIRECT_MIN)
        TRY(flush(t, err));
    t->offset += n;
    if (n >= DIRECT_MIN)
        return writer_write(t->out, p, n, err);
    memcpy(t->buf + t->held, p, n);
    t->held += n;
    return 0;
}

static int put_zeros(TarWriter *t, uint64_t n, Err *err)
{
    while (n > 0) {
        size_t step = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

        TRY(put(t, zeros, step, err));
        n -= step;
    }
    return 0;
}

static int pad(TarWriter *t, Err *err)
{
    return put_zeros(t, -t->offset % TAR_BLOCK, err);
}

/* --- headers ------------------------------------------------------------------------------- */

static void put_text(char *to, size_t max, Str s)
{
    memcpy(to, s.p, s.n < max ? s.n : max);
}

/*
 * The name as it is, or split at the last '/' that the prefix can reach. False, with the beginning of the name
 * stored, when neither fits.
 */
static bool put_name(TarBlock *b, Str name)
{
    Str reach =
        str_head(name, name.n < sizeof(b->tail.prefix) + 1 ? name.n : sizeof(b->tail.prefix) + 1);
    Str head, tail;

    if (reach.n == name.n && reach.p[reach.n - 1] == '/')
        reach.n--; /* the '/' that marks a directory stays with its name */
    if (name.n > sizeof(b->name) && str_cut_last(reach, '/', &head, &tail) && head.n > 0) {
        tail = str_skip(name, head.n + 1);
        if (tail.n > 0 && tail.n <= sizeof(b->name)) {
            put_text(b->tail.prefix, sizeof(b->tail.prefix), head);
            put_text(b->name, sizeof(b->name), tail);
            return true;
        }
    }
    put_text(b->name, sizeof(b->name), name);
    return name.n <= sizeof(b->name);
}

static void put_mtime(TarBlock *b, Buf *pax, int64_t ns)
{
    bool exact = ns >= 0 && ns % 1000000000 == 0;

    if (!tar_number_put(b->mtime, sizeof(b->mtime), ns < 0 ? 0 : (uint64_t)(ns / 1000000000)) ||
        !exact)
        pax_add_time(pax, S("mtime"), ns);
}

static char type_flag(TarType type)
{
    switch (type) {
    case TAR_FILE: return '0';
    case TAR_HARDLINK: return '1';
    case TAR_SYMLINK: return '2';
    case TAR_CHAR: return '3';
    case TAR_BLOCK_DEVICE: return '4';
    case TAR_DIR: return '5';
    case TAR_FIFO: return '6';
    }
    return '0';
}

static TarBlock new_block(char flag, uint32_t mode)
{
    TarBlock b = {.flag = flag, .magic = "ustar", .version = {'0', '0'}};
    /* all that is zero, and fits */
    bool ok =
        tar_number_put(b.mode, sizeof(b.mode), mode & 07777) &&
        tar_number_put(b.uid, sizeof(b.uid), 0) && tar_number_put(b.gid, sizeof(b.gid), 0) &&
        tar_number_put(b.size, sizeof(b.size), 0) && tar_number_put(b.mtime, sizeof(b.mtime), 0) &&
        tar_number_put(b.major, sizeof(b.major), 0) && tar_number_put(b.minor, sizeof(b.minor), 0);

    assert(ok);
    return b;
}

static void put_device(TarBlock *b, Buf *pax, const TarEntry *e)
{
    if (e->type != TAR_CHAR && e->type != TAR_BLOCK_DEVICE)
        return;
    if (!tar_number_put(b->major, sizeof(b->major), e->dev_major))
        pax_add_u64(pax, S("SCHILY.devmajor"), e->dev_major);
    if (!tar_number_put(b->minor, sizeof(b->minor), e->dev_minor))
        pax_add_u64(pax, S("SCHILY.devminor"), e->dev_minor);
}

static int put_xattrs(Buf *pax, const Xattrs *x, Err *err)
{
    for (size_t i = 0; x && i < x->n; i++) {
        Str name = x->v[i].name;

        if (name.n == 0 || memchr(name.p, '=', name.n) || memchr(name.p, '\0', name.n))
            return err_set(err, ERR_UNSUPPORTED, "an archive cannot hold the xattr \"" STR_FMT "\"",
                           STR_ARG(name));
        pax_add(pax, S("SCHILY.xattr."), name, x->v[i].value);
    }
    return 0;
}

static bool has_link(const TarEntry *e)
{
    return e->type == TAR_SYMLINK || e->type == TAR_HARDLINK;
}

/*
 * The header of e with 'stored' bytes behind it, and into t->pax what it could not hold. The calls stand in the
 * order of the records' keys: capitals, then gid, linkpath, mtime, path, size, uid.
 */
static int build_head(TarWriter *t, const TarEntry *e, uint64_t stored, TarBlock *ret, Err *err)
{
    TarBlock b = new_block(type_flag(e->type), e->mode);
    Str name = buf_str(&t->name);

    put_device(&b, &t->pax, e);
    TRY(put_xattrs(&t->pax, e->xattrs, err));
    if (!tar_number_put(b.gid, sizeof(b.gid), e->gid))
        pax_add_u64(&t->pax, S("gid"), e->gid);
    if (has_link(e)) {
        put_text(b.link, sizeof(b.link), e->link);
        if (e->link.n > sizeof(b.link))
            pax_add(&t->pax, S("linkpath"), S(""), e->link);
    }
    put_mtime(&b, &t->pax, e->mtime_ns);
    /* a sparse file is called GNU.sparse.name: a path besides would have some readers take that */
    if (!put_name(&b, name) && t->map.n == 0)
        pax_add(&t->pax, S("path"), S(""), name);
    if (!tar_number_put(b.size, sizeof(b.size), stored))
        pax_add_u64(&t->pax, S("size"), stored);
    if (!tar_number_put(b.uid, sizeof(b.uid), e->uid))
        pax_add_u64(&t->pax, S("uid"), e->uid);
    *ret = b;
    return buf_check(&t->pax, "extended header", err);
}

static Str base_name(Str path)
{
    Str head, tail = path;

    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    return str_cut_last(path, '/', &head, &tail) ? tail : path;
}

static int put_pax(TarWriter *t, Str name, Err *err)
{
    static const Str dir = STR_LIT("PaxHeaders.0/");
    TarBlock b = new_block('x', 0644);

    if (t->pax.n == 0)
        return 0;
    put_text(b.name, sizeof(b.name), dir);
    put_text(b.name + dir.n, sizeof(b.name) - dir.n, base_name(name));
    if (!tar_number_put(b.size, sizeof(b.size), t->pax.n))
        return err_set(err, ERR_LIMIT, "extended header is too large");
    tar_block_seal(&b);
    TRY(put(t, &b, sizeof(b), err));
    TRY(put(t, t->pax.p, t->pax.n, err));
    return pad(t, err);
}

static int check_text(Str s, const char *what, Err *err)
{
    if (s.n == 0)
        return err_set(err, ERR_UNSUPPORTED, "an archive entry needs a %s", what);
    if (memchr(s.p, '\0', s.n))
        return err_set(err, ERR_UNSUPPORTED, "NUL in a %s", what);
    if (s.n > LIMIT_PATH)
        return err_set(err, ERR_LIMIT, "a %s is longer than %u bytes", what, LIMIT_PATH);
    return 0;
}

/* --- entries ------------------------------------------------------------------------------- */

/* The file before has all its data; its padding is written, and the name of the next one is ready. */
static int begin(TarWriter *t, const TarEntry *e, Err *err)
{
    Str name = e->name;

    assert(!t->finished);
    if (t->piece < t->pieces.n)
        return err_set(err, ERR_FORMAT,
                       "the file before " STR_FMT " is shorter than it was said to be",
                       STR_ARG(name));
    TRY(check_text(name, "name", err));
    if (has_link(e))
        TRY(check_text(e->link, "link target", err));
    if (e->type == TAR_FILE && e->size > LIMIT_FILE_SIZE)
        return err_set(err, ERR_LIMIT, "size is larger than %llu bytes",
                       (unsigned long long)LIMIT_FILE_SIZE);
    TRY(pad(t, err));
    t->start = t->offset;
    buf_truncate(&t->pax, 0);
    buf_truncate(&t->name, 0);
    buf_add(&t->name, name);
    if (e->type == TAR_DIR && name.p[name.n - 1] != '/')
        buf_add_char(&t->name, '/');
    t->map.n = t->pieces.n = t->piece = 0;
    return 0;
}

static int put_head(TarWriter *t, const TarEntry *e, uint64_t stored, Err *err)
{
    TarBlock head;

    TRY(build_head(t, e, stored, &head, err));
    TRY(put_pax(t, e->name, err));
    tar_block_seal(&head);
    return put(t, &head, sizeof(head), err);
}

static int write_plain(TarWriter *t, const TarEntry *e, Err *err)
{
    SparsePiece all = {.data = e->type == TAR_FILE ? e->size : 0};

    TRY(begin(t, e, err));
    TRY(put_head(t, e, all.data, err));
    if (all.data > 0)
        vec_push(&t->pieces, all);
    return 0;
}

int tar_writer_entry(TarWriter *t, const TarEntry *e, Err *err)
{
    if (write_plain(t, e, err) < 0)
        return err_wrap(err, "archive entry " STR_FMT, STR_ARG(e->name));
    return 0;
}

/* "dir/base" is stored as "dir/GNUSparseFile.0/base": a tar that knows no sparse files does no harm with it. */
static void rename_sparse(Buf *name, Str path)
{
    Str base = base_name(path);

    buf_truncate(name, 0);
    buf_append(name, path.p, (size_t)(base.p - path.p));
    buf_add_z(name, "GNUSparseFile.0/");
    buf_add(name, base);
}

static uint64_t sum_runs(const TarRuns *runs)
{
    uint64_t sum = 0;

    vec_foreach(r, runs)
        sum += r->n;
    return sum;
}

static int put_sparse_head(TarWriter *t, const TarEntry *e, Err *err)
{
    buf_truncate(&t->map_text, 0);
    sparse_format_map(&t->map, &t->map_text);
    TRY(buf_check(&t->map_text, "sparse map", err));
    pax_add_u64(&t->pax, S("GNU.sparse.major"), 1);
    pax_add_u64(&t->pax, S("GNU.sparse.minor"), 0);
    pax_add(&t->pax, S("GNU.sparse.name"), S(""), e->name);
    pax_add_u64(&t->pax, S("GNU.sparse.realsize"), e->size);
    rename_sparse(&t->name, e->name);
    TRY(put_head(t, e, t->map_text.n + sum_runs(&t->map), err));
    return put(t, t->map_text.p, t->map_text.n, err);
}

static int write_sparse(TarWriter *t, const TarEntry *e, const TarRun *runs, size_t n_runs,
                        Err *err)
{
    const TarRun *first;

    assert(e->type == TAR_FILE);
    TRY(begin(t, e, err));
    TRY(sparse_lay_out(runs, n_runs, e->size, &t->map, &t->pieces, err));
    first = &t->map.v[0];
    if (first->at > 0 || first->n < e->size)
        return put_sparse_head(t, e, err);
    t->map.n = 0; /* no hole at all */
    return put_head(t, e, e->size, err);
}

int tar_writer_sparse(TarWriter *t, const TarEntry *e, const TarRun *runs, size_t n_runs, Err *err)
{
    if (write_sparse(t, e, runs, n_runs, err) < 0)
        return err_wrap(err, "archive entry " STR_FMT, STR_ARG(e->name));
    return 0;
}

int tar_writer_data(TarWriter *t, const void *p, size_t n, Err *err)
{
    const unsigned char *from = p;

    while (n > 0) {
        SparsePiece *piece;
        size_t step;

        if (t->piece == t->pieces.n)
            return err_set(err, ERR_FORMAT, "the file is longer than it was said to be");
        piece = &t->pieces.v[t->piece];
        step = n < piece->data ? n : (size_t)piece->data;
        TRY(put(t, from, step, err));
        from += step;
        n -= step;
        piece->data -= step;
        if (piece->data > 0)
            break;
        TRY(put_zeros(t, piece->zeros, err));
        t->piece++;
    }
    return 0;
}

int tar_writer_finish(TarWriter *t, Err *err)
{
    assert(!t->finished);
    t->finished = true;
    if (t->piece < t->pieces.n)
        return err_set(err, ERR_FORMAT, "the last file is shorter than it was said to be");
    TRY(pad(t, err));
    TRY(put_zeros(t, (uint64_t)2 * TAR_BLOCK, err));
    return flush(t, err);
}
