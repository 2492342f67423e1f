/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is one header block with, before it, any number of headers that are about it, and its data behind it:
 *
 *     [x][records] [L][long name] ... [header][data][zeros up to a block]
 *     ^ tar_reader_offset()                   ^ tar_reader_next() returns here
 *
 * Every kind of data becomes a list of runs, an ordinary file being one run from 0: tar_reader_run() gives them out
 * as they are, tar_reader_data() with the zeros between. Names are not copied: they point into the header block,
 * the PAX records or the long name, all of which are kept until the next entry.
 */
#include "tar/reader.h"

#include "base/limits.h"
#include "base/log.h"
#include "tar/pax.h"

struct TarReader {
    Reader data; /* first: what tar_reader_data() gives out */
    TarInput in;
    bool ended;

    /* the entry and the headers before it */
    uint64_t start; /* offset of the first of them */
    bool pending;   /* there was one, and its entry has not come yet */
    TarBlock head;
    Str name; /* for messages; empty while unknown */
    char joined[sizeof(((TarBlock *)0)->tail.prefix) + 1 + sizeof(((TarBlock *)0)->name)];
    Buf pax_text, name_text, link_text;
    PaxInfo pax, defaults;
    Str long_name, long_link; /* GNU; empty for none */
    Xattrs *xattrs;

    /* its data */
    uint64_t size;   /* logical */
    uint64_t at;     /* where tar_reader_data() is */
    uint64_t stored; /* bytes in the archive that are still unread */
    size_t padding;  /* behind them */
    TarRuns runs;
    size_t run;        /* the current one */
    uint64_t run_done; /* bytes of it that were read */
};

static ssize_t data_read(Reader *self, void *buf, size_t n, Err *err);

TarReader *tar_reader_new(Reader *in)
{
    TarReader *t = NEW(TarReader);

    t->data.read = data_read;
    tar_input_init(&t->in, in);
    t->pax_text = (Buf)BUF_INIT(LIMIT_PAX_HEADER);
    t->name_text = (Buf)BUF_INIT(LIMIT_PAX_HEADER);
    t->link_text = (Buf)BUF_INIT(LIMIT_PAX_HEADER);
    return t;
}

void tar_reader_free(TarReader *t)
{
    if (!t)
        return;
    tar_input_done(&t->in);
    buf_done(&t->pax_text);
    buf_done(&t->name_text);
    buf_done(&t->link_text);
    pax_done(&t->pax);
    pax_done(&t->defaults);
    xattrs_free(t->xattrs);
    vec_done(&t->runs);
    free(t);
}

uint64_t tar_reader_offset(const TarReader *t)
{
    return t->start;
}

uint64_t tar_reader_stored(const TarReader *t, uint64_t *ret_at)
{
    *ret_at = t->in.offset;
    return t->stored;
}

bool tar_looks_like(const void *block, size_t n)
{
    return n >= TAR_BLOCK && tar_block_valid(block);
}

/* --- headers ------------------------------------------------------------------------------- */

/* 1: t->head is the next header. 0: the end of the archive. */
static int next_head(TarReader *t, Err *err)
{
    const TarBlock *b;
    int r = tar_input_block(&t->in, &b, err);

    if (r <= 0)
        return r;
    if (tar_block_empty(b)) {
        r = tar_input_block(&t->in, &b, err);
        if (r <= 0)
            return r; /* one zero block at the very end is enough */
        if (!tar_block_empty(b))
            return err_set(err, ERR_FORMAT, "an entry behind a block of zeros");
        return tar_input_drain(&t->in, err);
    }
    if (!tar_block_valid(b))
        return err_set(err, ERR_FORMAT, "the checksum of the header is wrong");
    t->head = *b;
    return 1;
}

/* The data of a header that is itself about a header. */
static int read_text(TarReader *t, Buf *to, Err *err)
{
    uint64_t left;

    TRY(tar_block_size(&t->head, &left, err));
    if (left > to->max)
        return err_set(err, ERR_LIMIT, "extended header is larger than %zu bytes", to->max);
    buf_truncate(to, 0);
    while (left > 0) {
        size_t n = left < TAR_BLOCK ? (size_t)left : TAR_BLOCK;
        const TarBlock *b;
        int r = tar_input_block(&t->in, &b, err);

        TRY(r);
        if (r == 0)
            return err_set(err, ERR_FORMAT, "the archive ends within an extended header");
        buf_append(to, b, n);
        left -= n;
    }
    return 0;
}

static int read_long(TarReader *t, Buf *to, Str *ret, Err *err)
{
    Str s;

    TRY(read_text(t, to, err));
    s = tar_field(buf_z(to), to->n);
    if (s.n > LIMIT_PATH)
        return err_set(err, ERR_LIMIT, "a name is longer than %u bytes", LIMIT_PATH);
    *ret = s;
    return 0;
}

static int read_pax(TarReader *t, Err *err)
{
    TRY(read_text(t, &t->pax_text, err));
    return pax_parse(buf_str(&t->pax_text), &t->pax, err);
}

static int read_global(TarReader *t, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PAX_HEADER);

    TRY(read_text(t, &text, err));
    return pax_parse_defaults(buf_str(&text), &t->defaults, err);
}

/* 1: t->head was about what follows, and is digested. 0: it is an entry. */
static int digest_head(TarReader *t, Err *err)
{
    switch (t->head.flag) {
    case 'g': TRY(read_global(t, err)); return 1;
    case 'x':
    case 'X': TRY(read_pax(t, err)); break; /* X: Solaris, before POSIX chose the letter */
    case 'L': TRY(read_long(t, &t->name_text, &t->long_name, err)); break;
    case 'K': TRY(read_long(t, &t->link_text, &t->long_link, err)); break;
    default: return 0;
    }
    t->pending = true;
    return 1;
}

static void forget_pending(TarReader *t)
{
    t->pending = false;
    pax_reset(&t->pax);
    t->long_name = t->long_link = (Str){NULL, 0};
}

/* --- the entry ----------------------------------------------------------------------------- */

/* Letters that POSIX leaves to vendors, but for those that say something about files. */
static bool is_vendor(char flag)
{
    return flag >= 'A' && flag <= 'Z' && flag != 'D' && flag != 'S' && flag != 'M';
}

static int set_type(char flag, Str name, TarType *ret, Err *err)
{
    switch (flag) {
    case '\0': *ret = str_ends(name, S("/")) ? TAR_DIR : TAR_FILE; return 0; /* v7 knows no '5' */
    case '0':
    case '7': /* contiguous */
    case 'S': *ret = TAR_FILE; return 0;
    case '1': *ret = TAR_HARDLINK; return 0;
    case '2': *ret = TAR_SYMLINK; return 0;
    case '3': *ret = TAR_CHAR; return 0;
    case '4': *ret = TAR_BLOCK_DEVICE; return 0;
    case '5':
    case 'D': *ret = TAR_DIR; return 0; /* D: a list of its names is its data (GNU incremental) */
    case '6': *ret = TAR_FIFO; return 0;
    case 'M':
        return err_set(err, ERR_UNSUPPORTED,
                       "the file continues from another volume of the archive");
    default: return err_set(err, ERR_FORMAT, "unknown type of entry (0x%02x)", (unsigned char)flag);
    }
}

static Str join_prefix(TarReader *t, Str prefix, Str name)
{
    char *p = t->joined;

    memcpy(p, prefix.p, prefix.n);
    p[prefix.n] = '/';
    memcpy(p + prefix.n + 1, name.p, name.n);
    return (Str){p, prefix.n + 1 + name.n};
}

static Str strip_slashes(Str name)
{
    while (name.n > 1 && name.p[name.n - 1] == '/')
        name.n--;
    return name;
}

static void set_names(TarReader *t, const TarHead *h, TarEntry *e)
{
    e->name = h->prefix.n ? join_prefix(t, h->prefix, h->name) : h->name;
    if (t->pax.has & PAX_PATH)
        e->name = t->pax.path;
    if (t->long_name.n)
        e->name = t->long_name;
    e->link = h->link;
    if (t->pax.has & PAX_LINK)
        e->link = t->pax.link;
    if (t->long_link.n)
        e->link = t->long_link;
}

static void set_numbers(const PaxInfo *pax, const TarHead *h, TarEntry *e)
{
    e->mode = h->mode;
    e->uid = pax->has & PAX_UID ? pax->uid : h->uid;
    e->gid = pax->has & PAX_GID ? pax->gid : h->gid;
    e->mtime_ns = pax->has & PAX_MTIME ? pax->mtime_ns : h->mtime_ns;
    if (e->type != TAR_CHAR && e->type != TAR_BLOCK_DEVICE)
        return;
    e->dev_major = pax->has & PAX_DEV_MAJOR ? pax->dev_major : h->dev_major;
    e->dev_minor = pax->has & PAX_DEV_MINOR ? pax->dev_minor : h->dev_minor;
}

/* --- sparse files -------------------------------------------------------------------------- */

typedef enum SparseKind {
    SPARSE_NONE,
    SPARSE_OLD,
    SPARSE_0, /* 0.0 and 0.1: the map is in the PAX records */
    SPARSE_1, /* the map is in front of the data            */
} SparseKind;

/* Versions came with 1.0 (and were then also written for 0.x); the older two are known by their records. */
static int sparse_kind(const TarReader *t, const TarHead *h, SparseKind *ret, Err *err)
{
    const PaxInfo *p = &t->pax;

    if (p->has & PAX_FOREIGN_HOLES)
        return err_set(err, ERR_UNSUPPORTED, "a sparse file as Solaris writes it");
    if (t->head.flag == 'S' && h->dialect != TAR_GNU)
        return err_set(err, ERR_UNSUPPORTED, "a sparse file as star writes it");
    if (p->has & (PAX_SPARSE_MAJOR | PAX_SPARSE_MINOR)) {
        bool zero = str_eq(p->sparse_minor, S("0"));

        if (str_eq(p->sparse_major, S("1")) && zero)
            *ret = SPARSE_1;
        else if (str_eq(p->sparse_major, S("0")) && (zero || str_eq(p->sparse_minor, S("1"))))
            *ret = SPARSE_0;
        else
            return err_set(err, ERR_UNSUPPORTED, "unknown version of GNU sparse files");
    } else if (p->has & (PAX_SPARSE_MAP | PAX_SPARSE_RUNS | PAX_SPARSE_SIZE)) {
        *ret = SPARSE_0;
    } else {
        *ret = t->head.flag == 'S' ? SPARSE_OLD : SPARSE_NONE;
    }
    return 0;
}

static int read_sparse_0(TarReader *t, TarEntry *e, Err *err)
{
    PaxInfo *p = &t->pax;

    if (p->has & PAX_SPARSE_MAP) {
        TRY(sparse_parse_list(p->sparse_map, &t->runs, err));
    } else {
        vec_foreach(r, &p->runs)
            TRY(sparse_add(&t->runs, r->at, r->n, err));
    }
    if (p->has & PAX_SPARSE_BLOCKS && p->sparse_blocks != t->runs.n)
        return err_set(err, ERR_FORMAT, "the sparse map is not as long as it says");
    if (!(p->has & PAX_SPARSE_SIZE))
        return err_set(err, ERR_FORMAT, "the sparse file has no size");
    e->size = p->sparse_size;
    return 0;
}

static int read_sparse_1(TarReader *t, TarEntry *e, Err *err)
{
    const PaxInfo *p = &t->pax;

    if (!(p->has & (PAX_SPARSE_REAL_SIZE | PAX_SPARSE_SIZE)))
        return err_set(err, ERR_FORMAT, "the sparse file has no size");
    e->size = p->has & PAX_SPARSE_SIZE ? p->sparse_size : p->sparse_real_size;
    return sparse_read_map(&t->in, &t->stored, &t->runs, err);
}

static int read_sparse(TarReader *t, SparseKind kind, TarEntry *e, Err *err)
{
    if (e->type != TAR_FILE)
        return err_set(err, ERR_FORMAT, "a sparse map for what is not a file");
    if (kind == SPARSE_OLD)
        TRY(sparse_read_old(&t->head, &t->in, &t->runs, &e->size, err));
    else if (kind == SPARSE_0)
        TRY(read_sparse_0(t, e, err));
    else
        TRY(read_sparse_1(t, e, err));
    if (kind != SPARSE_OLD && t->pax.has & PAX_SPARSE_NAME)
        e->name = t->pax.sparse_name; /* the header has an invented one */
    TRY(sparse_check(t->runs.v, t->runs.n, e->size, err));
    return sparse_check_stored(&t->runs, t->stored, err);
}

/* How much data follows in the archive. What is no file has none, whatever its size says. */
static void set_stored(TarReader *t, const TarHead *h, TarType type)
{
    t->stored = t->pax.has & PAX_SIZE ? t->pax.size : h->size;
    if (type != TAR_FILE && t->head.flag != 'D')
        t->stored = 0;
    t->padding = (size_t)(-t->stored % TAR_BLOCK);
}

static int set_data(TarReader *t, const TarHead *h, TarEntry *e, Err *err)
{
    SparseKind kind;

    set_stored(t, h, e->type);
    TRY(sparse_kind(t, h, &kind, err));
    if (kind != SPARSE_NONE) {
        TRY(read_sparse(t, kind, e, err));
    } else if (e->type == TAR_FILE) {
        TRY(sparse_add(&t->runs, 0, t->stored, err));
        e->size = t->stored;
    }
    t->size = e->size;
    return 0;
}

/* --- from one entry to the next ------------------------------------------------------------ */

/* Pass over what was not read. An archive may end within the padding of its last file: some do. */
static int leave_entry(TarReader *t, Err *err)
{
    uint64_t missing;

    TRY(tar_input_skip(&t->in, t->stored, &missing, err));
    if (missing > 0)
        return err_set(err, ERR_FORMAT, "the archive ends within the file");
    TRY(tar_input_skip(&t->in, t->padding, &missing, err));
    t->stored = t->padding = 0;
    t->size = t->at = 0;
    t->runs.n = t->run = 0;
    t->run_done = 0;
    t->name = (Str){NULL, 0};
    xattrs_free(t->xattrs);
    t->xattrs = NULL;
    return 0;
}

/* The data of a type that is not ours; what was said about it goes with it. */
static int skip_vendor(TarReader *t, Err *err)
{
    uint64_t size;

    log_debug("tar: entry " STR_FMT " of vendor type %c is skipped", STR_ARG(t->name),
              t->head.flag);
    TRY(tar_block_size(&t->head, &size, err));
    t->stored = t->pax.has & PAX_SIZE ? t->pax.size : size;
    t->padding = (size_t)(-t->stored % TAR_BLOCK);
    TRY(leave_entry(t, err));
    forget_pending(t);
    return 0;
}

static int take_entry(TarReader *t, TarEntry *ret, Err *err)
{
    TarEntry e = {0};
    TarHead h;

    TRY(tar_block_decode(&t->head, &h, err));
    pax_apply_defaults(&t->pax, &t->defaults);
    set_names(t, &h, &e);
    t->name = e.name;
    TRY(set_type(t->head.flag, e.name, &e.type, err));
    set_numbers(&t->pax, &h, &e);
    if (e.type != TAR_SYMLINK && e.type != TAR_HARDLINK)
        e.link = (Str){"", 0};
    TRY(set_data(t, &h, &e, err));
    if (e.type == TAR_DIR)
        e.name = strip_slashes(e.name);
    t->name = e.name;
    e.xattrs = t->xattrs = pax_xattrs(&t->pax);
    *ret = e;
    return 1;
}

static int next_entry(TarReader *t, TarEntry *ret, Err *err)
{
    TRY(leave_entry(t, err));
    forget_pending(t);
    for (;;) {
        int r;

        if (!t->pending)
            t->start = t->in.offset;
        r = next_head(t, err);
        TRY(r);
        if (r == 0 && t->pending)
            return err_set(err, ERR_FORMAT, "the archive ends behind an extended header");
        if (r == 0)
            return 0;
        t->name = tar_field(t->head.name, sizeof(t->head.name));
        r = digest_head(t, err);
        TRY(r);
        if (r > 0)
            continue;
        if (!is_vendor(t->head.flag))
            return take_entry(t, ret, err);
        TRY(skip_vendor(t, err));
    }
}

static int wrap(const TarReader *t, Err *err)
{
    unsigned long long at = (unsigned long long)t->start;

    if (t->name.n)
        return err_wrap(err, STR_FMT " (at byte %llu of the archive)", STR_ARG(t->name), at);
    return err_wrap(err, "at byte %llu of the archive", at);
}

int tar_reader_next(TarReader *t, TarEntry *ret, Err *err)
{
    int r;

    if (t->ended)
        return 0;
    r = next_entry(t, ret, err);
    if (r < 0)
        return wrap(t, err);
    t->ended = r == 0;
    return r;
}

/* --- data ---------------------------------------------------------------------------------- */

/* The run that has bytes left, or NULL. */
static const TarRun *current_run(TarReader *t)
{
    for (; t->run < t->runs.n; t->run++, t->run_done = 0)
        if (t->run_done < t->runs.v[t->run].n)
            return &t->runs.v[t->run];
    return NULL;
}

ssize_t tar_reader_run(TarReader *t, uint64_t *ret_at, void *buf, size_t n, Err *err)
{
    const TarRun *run = current_run(t);
    ssize_t k;

    if (!run)
        return 0;
    if (n > run->n - t->run_done)
        n = (size_t)(run->n - t->run_done);
    k = tar_input_read(&t->in, buf, n, err);
    if (k == 0)
        k = err_set(err, ERR_FORMAT, "the archive ends within the file");
    if (k < 0)
        return wrap(t, err);
    *ret_at = run->at + t->run_done;
    t->run_done += (uint64_t)k;
    t->stored -= (uint64_t)k;
    return k;
}

static ssize_t data_read(Reader *self, void *buf, size_t n, Err *err)
{
    TarReader *t = (TarReader *)self;
    const TarRun *run = current_run(t);
    uint64_t hole = (run ? run->at + t->run_done : t->size) - t->at;
    uint64_t at;
    ssize_t k;

    if (hole > 0) {
        if (n > hole)
            n = (size_t)hole;
        memset(buf, 0, n);
        k = (ssize_t)n;
    } else {
        k = tar_reader_run(t, &at, buf, n, err);
    }
    if (k > 0)
        t->at += (uint64_t)k;
    return k;
}

Reader *tar_reader_data(TarReader *t)
{
    return &t->data;
}
