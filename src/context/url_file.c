/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD of a URL: one file, spooled, hashed on the way.
 */
#include "base/limits.h"
#include "codec/sha256.h"
#include "context/kinds.h"
#include "context/remote.h"
#include "oci/digest.h"
#include "os/fd.h"

typedef struct UrlFile {
    Context c;
    int spool;
} UrlFile;

/* --- the transfer: into a file, which can begin anew --- */

typedef struct Transfer {
    HttpSink sink; /* first: http_do() drives it */
    int fd;
    uint64_t n;
    Sha256 *sum;
    Str what;
    TransferFn progress;
} Transfer;

static int transfer_begin(HttpSink *self, int status, uint64_t resume_at, Err *err)
{
    Transfer *t = (Transfer *)self;
    unsigned char unused[SHA256_BYTES];

    (void)status;
    if (resume_at > 0)
        return resume_at == t->n ? 0
                                 : err_set(err, ERR_NET, "the transfer goes on at another place");
    if (ftruncate(t->fd, 0) < 0)
        return err_sys(err, "empty the file");
    sha256_final(t->sum, unused);
    t->n = 0;
    return 0;
}

static int transfer_write(Writer *self, const void *p, size_t n, Err *err)
{
    Transfer *t = (Transfer *)self;

    if (t->n + n > LIMIT_CONTEXT)
        return err_set(err, ERR_LIMIT, "the file is larger than %ju bytes",
                       (uintmax_t)LIMIT_CONTEXT);
    TRY(fd_pwrite_all(t->fd, p, n, t->n, err));
    sha256_update(t->sum, p, n);
    t->n += n;
    if (t->progress)
        t->progress(t->what, t->n, t->sink.expected);
    return 0;
}

static int check_sum(Transfer *t, Str want, Err *err)
{
    unsigned char sum[SHA256_BYTES];
    char hex[SHA256_HEX + 1];
    Str algorithm, wanted;

    sha256_final(t->sum, sum);
    sha256_hex(sum, hex);
    if (want.n == 0)
        return 0;
    TRY(remote_checksum_check(want, err));
    if (str_cut(want, ':', &algorithm, &wanted) && str_eq(wanted, str_from(hex)))
        return 0;
    return err_set(err, ERR_DIGEST,
                   "digest mismatch: the file has sha256:%s, not the --checksum " STR_FMT, hex,
                   STR_ARG(want));
}

/* --- its name and time --- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static void add_decoded(Str s, Buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_value(s.p[i + 2]) : -1;

        buf_add_char(out, lo >= 0 ? (char)(hi * 16 + lo) : s.p[i]);
        i += lo >= 0 ? 2 : 0;
    }
}

/* The path's last element, decoded; the query does not count. */
static void name_of(Str url, Buf *out)
{
    Str path = str_skip(url, url_host(url).p + url_host(url).n > url.p
                                 ? (size_t)(url_host(url).p + url_host(url).n - url.p)
                                 : 0);
    cleanup_buf Buf decoded = BUF_INIT(LIMIT_PATH);
    Str base;

    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '?' || path.p[i] == '#')
            path = str_head(path, i);
    add_decoded(path, &decoded);
    base = path_base(buf_str(&decoded));
    if (base.n == 0 || base.n > LIMIT_NAME || memchr(base.p, '\0', base.n) ||
        str_eq(base, S("/")) || str_eq(base, S(".")) || str_eq(base, S("..")))
        base = S("__unnamed__");
    buf_add(out, base);
}

/* --- the object --- */

static int open_file(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const UrlFile *f = (const UrlFile *)((const char *)self - offsetof(UrlFile, c.files));

    return context_spool_open(f->spool, n, ret, err);
}

static int read_file(Context *self, const char *path, Buf *ret, Err *err)
{
    return context_spool_read(self, ((UrlFile *)self)->spool, path, ret, err);
}

static void free_file(Context *self)
{
    UrlFile *f = (UrlFile *)self;

    context_done(self);
    close_at(&f->spool);
    free(f);
}

static const ContextOps url_file_ops = {.read = read_file, .free = free_file};

static int fetch(Str url, Transfer *t, const RemoteOpts *r, const ContextOpts *o,
                 int64_t *ret_mtime_ns, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_free char *z = str_dup(url);
    HttpRequest req = {
        .method = "GET", .url = z, .sink = &t->sink, .resume = true, .resume_if_same = true};

    TRY(http_do(o->http, &req, &answer, err));
    if (answer.status < 200 || answer.status >= 300)
        return http_fail(z, &answer, err);
    *ret_mtime_ns = http_date_ns(http_header(&answer, "last-modified"));
    if (check_sum(t, r->checksum, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(url_for_people(&answer.arena, url)));
    return 0;
}

static int add_file(UrlFile *f, Str url, uint64_t size, int64_t mtime_ns, Err *err)
{
    cleanup_buf Buf name = BUF_INIT(LIMIT_PATH);
    Inode *i = tree_inode_new(f->c.tree, S_IFREG | 0600);
    Node *n;

    i->size = size;
    i->mtime_ns = mtime_ns;
    name_of(url, &name);
    return tree_add(f->c.tree, tree_root(f->c.tree), buf_str(&name), i, &n, err);
}

int remote_file_open(Str url, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(sha256_free_at) Sha256 *sum = sha256_new();
    Transfer t = {.sink = {.w = {transfer_write}, .begin = transfer_begin}, .sum = sum};
    UrlFile *f = NEW(UrlFile);
    cleanup_with(context_free_at) Context *guard = &f->c;
    int64_t mtime_ns = 0;

    context_init(&f->c, &url_file_ops, url_for_people(&a, url).p);
    f->spool = -1;
    f->c.files.open = open_file;
    f->c.tree = tree_new();
    f->c.loaded = true;
    TRY(context_spool_new(o, &f->spool, err));
    t.fd = f->spool;
    t.what = str_from(f->c.name);
    t.progress = o->progress;
    TRY(fetch(url, &t, r, o, &mtime_ns, err));
    if (t.progress)
        t.progress(t.what, t.n, t.n);
    TRY(add_file(f, url, t.n, mtime_ns, err));
    *ret = steal_ptr(&guard);
    return 0;
}
