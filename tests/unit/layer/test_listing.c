/* SPDX-License-Identifier: Apache-2.0 */
/* A listing makes the tree that its layer makes, and has nothing of what is in the files. */
#include "layer/apply.h"
#include "layer/listing.h"
#include "tar/writer.h"
#include "test.h"

/* A stream that comes in pieces. */
typedef struct Pieces {
    Reader r;
    Str rest;
    size_t most;
} Pieces;

static ssize_t pieces_read(Reader *self, void *buf, size_t n, Err *err)
{
    Pieces *p = (Pieces *)self;

    (void)err;
    n = n < p->most ? n : p->most;
    n = n < p->rest.n ? n : p->rest.n;
    memcpy(buf, p->rest.p, n);
    p->rest = str_skip(p->rest, n);
    return (ssize_t)n;
}

/* The listing that is made while the archive is written, or NULL. */
static Listed *writing;

static void tell(const TarWriter *w, Str name)
{
    uint64_t at, n = tar_writer_stored(w, &at);

    if (writing)
        listed_data(writing, name, at, n);
}

static void add(TarWriter *w, TarType type, const char *name, size_t size, const char *link)
{
    TarEntry e = {.type = type,
                  .name = str_from(name),
                  .link = str_from(link),
                  .mode = 0640,
                  .uid = 7,
                  .size = size,
                  .mtime_ns = 5};
    Err err;

    CHECK_OK(tar_writer_entry(w, &e, &err));
    if (type == TAR_FILE)
        tell(w, e.name);
    for (size_t i = 0; i < size; i += 6)
        CHECK_OK(tar_writer_data(w, "secret", size - i < 6 ? size - i : 6, &err));
}

static void make_archive(Buf *to)
{
    BufWriter out = buf_writer(to);
    Writer *into = writing ? listed_writer(writing, &out.w) : &out.w;
    TarWriter *w = tar_writer_new(into);
    cleanup_arena Arena a = ARENA_INIT;
    char *longer = arena_new_n(&a, char, 3000);
    TarRun runs[] = {{4096, 12}, {100000, 600}};
    TarEntry sparse = {.type = TAR_FILE, .name = S("sparse"), .mode = 0600, .size = 200000};
    size_t sizes[] = {0, 1, 511, 512, 513, 131072, 1000001};
    Err err;

    memset(longer, 'n', 2999);
    for (size_t i = 150; i < 2999; i += 150)
        longer[i] = '/';
    add(w, TAR_DIR, "etc", 0, "");
    add(w, TAR_FILE, "etc/passwd", 600, "");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        add(w, TAR_FILE, str_fmt_in(&a, "f%zu", i).p, sizes[i], "");
    add(w, TAR_FILE, longer, 70000, "");
    CHECK_OK(tar_writer_sparse(w, &sparse, runs, ARRAY_LEN(runs), &err));
    tell(w, sparse.name);
    for (size_t i = 0; i < 612; i += 6)
        CHECK_OK(tar_writer_data(w, "secret", 6, &err));
    add(w, TAR_HARDLINK, "linked", 0, "f4");
    add(w, TAR_SYMLINK, "link", 0, "f5");
    add(w, TAR_FILE, "last", 5, "");
    CHECK_OK(tar_writer_finish(w, &err));
    tar_writer_free(w);
    CHECK_OK(writer_write(into, "padding", 7, &err));
}

static Tree *applied(Reader *in, KeptFile *keep, Listed *listed)
{
    ApplyOpts o = {
        .tree = tree_new(), .layer = 3, .keep = keep, .n_keep = keep ? 1 : 0, .listed = listed};
    Err err;

    CHECK_OK(layer_apply(in, &o, &err));
    return o.tree;
}

static void same(Tree *a, Node *x, Tree *b, Node *y)
{
    const Inode *i = x->inode, *j = y->inode;
    NodeVec in_x = {0}, in_y = {0};
    Err err;

    CHECK_STR(node_name(x), node_name(y));
    CHECK(i->mode == j->mode && i->uid == j->uid && i->size == j->size && i->nlink == j->nlink &&
          i->mtime_ns == j->mtime_ns);
    if (S_ISREG(i->mode))
        CHECK(i->content.layer == j->content.layer && i->content.offset == j->content.offset);
    if (S_ISLNK(i->mode))
        CHECK_STR(str_from(i->target), str_from(j->target));
    if (!node_is_dir(x))
        return;
    CHECK_OK(tree_list(a, x, &in_x, &err));
    CHECK_OK(tree_list(b, y, &in_y, &err));
    CHECK(in_x.n == in_y.n);
    for (size_t n = 0; n < in_x.n; n++)
        same(a, in_x.v[n], b, in_y.v[n]);
    vec_done(&in_x);
    vec_done(&in_y);
}

static void check_archive(Str archive, Str listed)
{
    size_t secrets = 0;

    CHECK(archive.n == listed.n);
    for (size_t i = 0; i + 6 <= listed.n; i++)
        secrets += memcmp(listed.p + i, "secret", 6) == 0;
    CHECK(secrets == 100); /* those of etc/passwd */
    CHECK(str_ends(listed, S("padding")));
}

static void expand(Str listing, Buf *ret)
{
    MemReader in = mem_reader(listing);
    ListingReader r = listing_reader(&in.r);
    Err err;

    CHECK_OK(reader_read_all(&r.r, ret, "the listing", &err));
}

static void check_pieces(Str archive, size_t most)
{
    cleanup_buf Buf listing = BUF_INIT((size_t)1 << 20), whole = BUF_INIT((size_t)8 << 20);
    KeptFile one = {.path = S("etc/passwd"), .data = BUF_INIT(1000)}, two = one;
    Pieces in = {{pieces_read}, archive, most};
    BufWriter out = buf_writer(&listing);
    Listed *l = listed_new(&out.w);
    Tree *a = applied(&in.r, &one, l), *b;
    MemReader again;
    ListingReader r;
    Err err;

    CHECK_OK(listed_finish(l, &err));
    listed_free(l);
    CHECK(listing.n < 40000);
    expand(buf_str(&listing), &whole);
    check_archive(archive, buf_str(&whole));
    again = mem_reader(buf_str(&listing));
    r = listing_reader(&again.r);
    b = applied(&r.r, &two, NULL);
    same(a, tree_root(a), b, tree_root(b));
    CHECK(one.data.n == 600);
    CHECK_STR(buf_str(&one.data), buf_str(&two.data));
    tree_free(a);
    tree_free(b);
    buf_done(&one.data);
    buf_done(&two.data);
}

static void expand_fails(Reader *in)
{
    cleanup_buf Buf out = BUF_INIT((size_t)1 << 20);
    ListingReader r = listing_reader(in);
    Err err;

    CHECK(reader_read_all(&r.r, &out, "the listing", &err) < 0 && err.kind == ERR_FORMAT);
}

TEST(makes_the_same_tree)
{
    cleanup_buf Buf archive = BUF_INIT((size_t)8 << 20);
    size_t pieces[] = {1, 511, 4096, 70001, SIZE_MAX};

    make_archive(&archive);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        check_pieces(buf_str(&archive), pieces[i]);
}

TEST(is_the_same_when_made_while_writing)
{
    cleanup_buf Buf archive = BUF_INIT((size_t)8 << 20), whole = BUF_INIT((size_t)8 << 20);
    cleanup_buf Buf read = BUF_INIT((size_t)1 << 20), written = BUF_INIT((size_t)1 << 20);
    BufWriter to_read = buf_writer(&read), to_written = buf_writer(&written);
    cleanup_with(listed_free_at) Listed *l = listed_new(&to_read.w);
    MemReader in;
    Err err;

    writing = listed_new(&to_written.w);
    make_archive(&archive);
    CHECK_OK(listed_finish(writing, &err));
    listed_free(steal_ptr(&writing));
    in = mem_reader(buf_str(&archive));
    tree_free(applied(&in.r, NULL, l));
    CHECK_OK(listed_finish(l, &err));
    CHECK(written.n <= read.n); /* padding is no text for it */
    expand(buf_str(&written), &whole);
    check_archive(buf_str(&archive), buf_str(&whole));
}

/* Cut off anywhere, or with one byte turned: never a crash, and never more than was promised. */
TEST(damage)
{
    cleanup_buf Buf archive = BUF_INIT((size_t)8 << 20), listing = BUF_INIT((size_t)1 << 20);
    MemReader in;
    BufWriter out = buf_writer(&listing);
    Listed *l;
    Err err;

    make_archive(&archive);
    in = mem_reader(buf_str(&archive));
    l = listed_new(&out.w);
    tree_free(applied(&in.r, NULL, l));
    CHECK_OK(listed_finish(l, &err));
    listed_free(l);
    for (size_t n = 0; n < listing.n; n += 97) {
        MemReader cut = mem_reader(str_head(buf_str(&listing), n));
        ListingReader r = listing_reader(&cut.r);
        ApplyOpts o = {.tree = tree_new(), .layer = 1};

        (void)!layer_apply(&r.r, &o, &err);
        tree_free(o.tree);
    }
    in = mem_reader(S("\0\0\0\0\0\0\0\x7f\0\0\0\0"));
    expand_fails(&in.r);
    in = mem_reader(S("\0\0\0\0\0\0\0\0\1\0\1\0"));
    expand_fails(&in.r);
    in = mem_reader(S("\0\0\0\0\0\0\0\0\4\0\0\0abc"));
    expand_fails(&in.r);
}

/* What cannot be written does not disturb the reading. */
TEST(a_listing_that_fails)
{
    cleanup_buf Buf archive = BUF_INIT((size_t)8 << 20), listing = BUF_INIT(100);
    MemReader in;
    BufWriter out = buf_writer(&listing);
    Listed *l;
    Tree *t;
    Err err;

    make_archive(&archive);
    in = mem_reader(buf_str(&archive));
    l = listed_new(&out.w);
    t = applied(&in.r, NULL, l);
    CHECK(tree_count(t) > 10);
    CHECK(listed_finish(l, &err) < 0 && err.kind == ERR_LIMIT);
    listed_free(l);
    tree_free(t);
}

TEST_MAIN(T(makes_the_same_tree), T(is_the_same_when_made_while_writing), T(damage),
          T(a_listing_that_fails))
