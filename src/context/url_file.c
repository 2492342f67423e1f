/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD of a URL: one file, spooled, hashed on the way.
 *
 * A file that is known is asked for under the condition that it is another one. Only a strong ETag
 * is believed (RFC 9110 8.8: equal bytes): a weak one does not promise it, and a time does not even
 * change when a file is replaced by an older one, or by one that was made with a fixed time.
 */
#include <fcntl.h>

#include "base/limits.h"
#include "codec/sha256.h"
#include "context/kinds.h"
#include "context/remote.h"
#include "os/fd.h"

typedef struct UrlFile {
    Context c;
    ContextOpts opts;
    char *url, *etag;        /* etag NULL: none that is strong */
    RemoteSpool own, *spool; /* the one that is used, behind others' files: */
    uint64_t at, room;       /* where, and how many bytes; 0 when it is not fetched yet but known */
    RemoteStamp stamp;
    Inode *inode;
} UrlFile;

/* --- the transfer: into a file, which can begin anew --- */

typedef struct Transfer {
    HttpSink sink; /* first: http_do() drives it */
    int fd;
    uint64_t at, n;
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
    if (ftruncate(t->fd, (off_t)t->at) < 0)
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
    TRY(fd_pwrite_all(t->fd, p, n, t->at + t->n, err));
    sha256_update(t->sum, p, n);
    t->n += n;
    if (t->progress)
        t->progress(t->what, t->n, t->sink.expected);
    return 0;
}

static int check_sum(const Digest *is, Str want, Err *err)
{
    if (want.n == 0)
        return 0;
    TRY(remote_checksum_check(want, err));
    if (str_eq(want, str_from(is->text)))
        return 0;
    return err_set(err, ERR_DIGEST, "digest mismatch: the file has %s, not the --checksum " STR_FMT,
                   is->text, STR_ARG(want));
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

/* --- what it is known by --- */

bool remote_stamp_is_sane(const RemoteStamp *s)
{
    for (size_t i = 0; i < s->etag.n; i++)
        if ((unsigned char)s->etag.p[i] < ' ' || s->etag.p[i] == 0x7f)
            return false;
    return s->etag.n > 2 && s->etag.n <= LIMIT_NAME && s->etag.p[0] == '"' &&
           digest_is_set(&s->place) && digest_is_set(&s->digest);
}

static void know(UrlFile *f, const HttpAnswer *answer, const Transfer *t, const Digest *digest)
{
    Str etag = http_header(answer, "etag");

    free_at(&f->etag);
    f->etag = str_dup(etag);
    f->stamp = (RemoteStamp){.etag = str_from(f->etag),
                             .place = url_place(answer->final_url),
                             .size = t->n,
                             .digest = *digest};
}

/* The server says so, and of the same thing. */
static bool is_unchanged(const HttpAnswer *answer, const RemoteStamp *known)
{
    Str etag = http_header(answer, "etag");
    Digest place = url_place(answer->final_url);

    return answer->status == 304 && digest_eq(&place, &known->place) &&
           (etag.n == 0 || str_eq(etag, known->etag));
}

/* --- the object --- */

void remote_spool_done(RemoteSpool *s)
{
    close_at(&s->fd);
}

static int open_file(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const UrlFile *f = (const UrlFile *)((const char *)self - offsetof(UrlFile, c.files));

    return context_spool_open(f->spool->fd, n, ret, err);
}

static int read_file(Context *self, const char *path, Buf *ret, Err *err)
{
    TRY(context_load(self, err));
    return context_spool_read(self, ((UrlFile *)self)->spool->fd, path, ret, err);
}

static void free_file(Context *self)
{
    UrlFile *f = (UrlFile *)self;

    context_done(self);
    if (f->room) /* where the file system can do that */
        (void)fallocate(f->spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->at,
                        (off_t)f->room);
    remote_spool_done(&f->own);
    free(f->url);
    free(f->etag);
    free(f);
}

static int take_answer(UrlFile *f, const HttpAnswer *answer, Transfer *t, Str checksum, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    unsigned char sum[SHA256_BYTES];
    Digest digest;

    if (answer->status < 200 || answer->status >= 300)
        return http_fail(f->url, answer, err);
    sha256_final(t->sum, sum);
    digest = digest_from_sha256(sum);
    if (check_sum(&digest, checksum, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(url_for_people(&a, str_from(f->url))));
    if (t->progress)
        t->progress(t->what, t->n, t->n);
    know(f, answer, t, &digest);
    f->at = f->inode->content.offset = t->at;
    f->room = f->inode->size = t->n;
    f->spool->end = t->at + t->n;
    f->inode->mtime_ns = f->c.time_ns = http_date_ns(http_header(answer, "last-modified"));
    return 0;
}

/* 1: it is the file that is known, and was not fetched. */
static int fetch(UrlFile *f, const RemoteStamp *known, Str checksum, Err *err)
{
    cleanup_with(sha256_free_at) Sha256 *sum = sha256_new();
    cleanup_http_answer HttpAnswer answer = {0};
    Transfer t = {.sink = {.w = {transfer_write}, .begin = transfer_begin},
                  .fd = f->spool->fd,
                  .at = f->spool->end,
                  .sum = sum,
                  .what = str_from(f->c.name),
                  .progress = f->opts.progress};
    HttpHeader condition = {S("If-None-Match"), known ? known->etag : S("")};
    HttpRequest req = {.method = "GET",
                       .url = f->url,
                       .headers = &condition,
                       .n_headers = known ? 1 : 0,
                       .sink = &t.sink,
                       .resume = true,
                       .resume_if_same = true};

    TRY(http_do(f->opts.http, &req, &answer, err));
    if (known && is_unchanged(&answer, known))
        return 1;
    if (known && (answer.status < 200 || answer.status >= 300))
        return fetch(f, NULL, checksum, err);
    return take_answer(f, &answer, &t, checksum, err);
}

static int open_spool(UrlFile *f, Err *err)
{
    return f->spool->fd < 0 ? context_spool_new(&f->opts, &f->spool->fd, err) : 0;
}

/* What was known must be what comes: a key has been made of it. */
static int load_file(Context *self, Err *err)
{
    UrlFile *f = (UrlFile *)self;
    Digest known = f->stamp.digest;

    TRY(open_spool(f, err));
    TRY(fetch(f, NULL, S(""), err));
    if (digest_eq(&f->stamp.digest, &known))
        return 0;
    return err_set(err, ERR_DIGEST, "%s changed on the server during the build", f->c.name);
}

static const ContextOps url_file_ops = {.load = load_file, .read = read_file, .free = free_file};

static int add_file(UrlFile *f, Err *err)
{
    cleanup_buf Buf name = BUF_INIT(LIMIT_PATH);
    Node *n;

    f->inode = tree_inode_new(f->c.tree, S_IFREG | 0600);
    name_of(str_from(f->url), &name);
    return tree_add(f->c.tree, tree_root(f->c.tree), buf_str(&name), f->inode, &n, err);
}

/* Fetched, or known without that. */
static int find_out(UrlFile *f, const RemoteOpts *r, Err *err)
{
    int unchanged;

    TRY(add_file(f, err));
    TRY(open_spool(f, err));
    TRY(unchanged = fetch(f, r->known, r->checksum, err));
    if (unchanged) {
        f->etag = str_dup(r->known->etag);
        f->stamp = *r->known;
        f->stamp.etag = str_from(f->etag);
        f->inode->size = r->known->size;
    }
    f->c.loaded = !unchanged;
    return 0;
}

int remote_file_open(Str url, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    UrlFile *f = NEW(UrlFile);
    cleanup_with(context_free_at) Context *guard = &f->c;

    context_init(&f->c, &url_file_ops, url_for_people(&a, url).p);
    f->url = str_dup(url);
    f->opts = *o;
    f->own = (RemoteSpool)REMOTE_SPOOL_NONE;
    f->spool = r->spool ? r->spool : &f->own;
    f->c.files.open = open_file;
    f->c.tree = tree_new();
    TRY(find_out(f, r, err));
    *ret = steal_ptr(&guard);
    return 0;
}

Digest remote_file_digest(const Context *c)
{
    Digest none = {0};

    return c->ops == &url_file_ops ? ((const UrlFile *)c)->stamp.digest : none;
}

bool remote_file_stamp(const Context *c, RemoteStamp *ret)
{
    if (c->ops != &url_file_ops || !remote_stamp_is_sane(&((const UrlFile *)c)->stamp))
        return false;
    *ret = ((const UrlFile *)c)->stamp;
    return true;
}
