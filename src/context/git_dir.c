/* SPDX-License-Identifier: Apache-2.0 */
/*
 *      .git/HEAD config packed-refs shallow index
 *           objects/pack/pack-NAME.pack and .idx
 *           refs/heads refs/tags                     empty, but git wants refs/
 *
 * The index knows nothing of the files on the disk (times and inodes are zero), so git's first look
 * compares contents, and finds nothing changed.
 */
#include "context/git_dir.h"

#include "base/limits.h"
#include "codec/sha1.h"
#include "git/pack_write.h"

enum {
    STAT_BYTES = 40, /* times, device, inode, mode, owner, size */
    MODE_AT = 24,
    LONGEST_NAME = 0xfff, /* that the flags can tell */
};

/* --- the index --- */

static void add32(Buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(b, (char)(v >> shift));
}

static uint32_t index_mode(uint32_t mode)
{
    if (S_ISREG(mode))
        return S_IFREG | (mode & 0100 ? 0755 : 0644);
    return mode & S_IFMT;
}

void git_index_add(GitIndex *x, Str path, uint32_t mode, const GitId *id)
{
    size_t flags = path.n < LONGEST_NAME ? path.n : LONGEST_NAME;
    size_t n = STAT_BYTES + GIT_ID_BYTES + 2 + path.n;

    for (unsigned at = 0; at < STAT_BYTES; at += 4)
        add32(&x->entries, at == MODE_AT ? index_mode(mode) : 0);
    buf_append(&x->entries, id->b, GIT_ID_BYTES);
    buf_add_char(&x->entries, (char)(flags >> 8));
    buf_add_char(&x->entries, (char)flags);
    buf_add(&x->entries, path);
    do
        buf_add_char(&x->entries, '\0');
    while (++n % 8);
    x->n++;
}

/* --- files --- */

static int add_node(const GitDir *d, Node *dir, Str name, Inode *i, Node **ret, Err *err)
{
    i->mtime_ns = d->mtime_ns;
    return tree_add(d->tree, dir, name, i, ret, err);
}

static int add_dir(const GitDir *d, Node *dir, const char *name, Node **ret, Err *err)
{
    return add_node(d, dir, str_from(name), tree_inode_new(d->tree, S_IFDIR | 0755), ret, err);
}

static int add_part(const GitDir *d, Node *dir, Str name, GitPart part, Err *err)
{
    Inode *i = tree_inode_new(d->tree, S_IFREG | 0644);
    Node *n;

    i->size = part.size;
    i->content = (Content){.layer = 1, .offset = part.at};
    return add_node(d, dir, name, i, &n, err);
}

static int add_file(const GitDir *d, Node *dir, const char *name, const Buf *text, Err *err)
{
    GitPart part;

    TRY(buf_check(text, name, err));
    TRY(git_spool_add(git_objects_spool(d->objects), buf_str(text), &part, err));
    return add_part(d, dir, str_from(name), part, err);
}

static int add_head(const GitDir *d, Node *dir, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%s\n", git_id_format(&d->got->commit).z);
    return add_file(d, dir, "HEAD", &text, err);
}

static void add_quoted(Buf *b, Str s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_add_char(b, '\\');
        buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '"');
}

static int add_config(const GitDir *d, Node *dir, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_add_z(&text, "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
                     "[remote \"origin\"]\n\turl = ");
    add_quoted(&text, d->spec->url.shown);
    buf_add_z(&text, "\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n");
    return add_file(d, dir, "config", &text, err);
}

/* A name from the server, in a file of lines. */
static bool is_plain_ref(Str ref)
{
    for (size_t i = 0; i < ref.n; i++)
        if ((unsigned char)ref.p[i] <= ' ' || ref.p[i] == 127)
            return false;
    return str_starts(ref, S("refs/"));
}

static int add_refs(const GitDir *d, Node *dir, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Node *refs, *unused;

    TRY(add_dir(d, dir, "refs", &refs, err));
    TRY(add_dir(d, refs, "heads", &unused, err));
    TRY(add_dir(d, refs, "tags", &unused, err));
    if (!is_plain_ref(d->got->ref))
        return 0;
    buf_add_z(&text, "# pack-refs with: peeled fully-peeled sorted \n");
    buf_addf(&text, "%s " STR_FMT "\n", git_id_format(&d->got->named).z, STR_ARG(d->got->ref));
    if (!git_id_eq(&d->got->named, &d->got->commit))
        buf_addf(&text, "^%s\n", git_id_format(&d->got->commit).z);
    return add_file(d, dir, "packed-refs", &text, err);
}

/* --- shallow --- */

static int lacks_parent(const GitDir *d, const GitObject *commit, bool *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT((size_t)16 << 20);
    GitId id;

    *ret = false;
    TRY(git_objects_get(d->objects, &commit->id, GIT_COMMIT, &text, err));
    for (Str rest = buf_str(&text), line; str_next(&rest, '\n', &line) && line.n;)
        if (str_starts(line, S("parent ")) && git_id_parse(str_skip(line, 7), &id) &&
            !git_objects_find(d->objects, &id))
            *ret = true;
    return 0;
}

/* Commits whose parents were not fetched. */
static int add_shallow(const GitDir *d, Node *dir, Err *err)
{
    cleanup_buf Buf text = BUF_INIT((size_t)64 << 20);

    for (size_t i = 0; i < git_objects_count(d->objects); i++) {
        const GitObject *x = git_objects_at(d->objects, i);
        bool lacks = false;

        if (x->type == GIT_COMMIT && git_objects_find(d->objects, &x->id) == x)
            TRY(lacks_parent(d, x, &lacks, err));
        if (lacks)
            buf_addf(&text, "%s\n", git_id_format(&x->id).z);
    }
    return text.n ? add_file(d, dir, "shallow", &text, err) : 0;
}

/* --- all of it --- */

static int add_index(const GitDir *d, Node *dir, Err *err)
{
    cleanup_with(sha1_free_at) Sha1 *sum = sha1_new();
    cleanup_buf Buf text = BUF_INIT(LIMIT_GIT_INDEX);
    unsigned char id[SHA1_BYTES];

    TRY(buf_check(&d->index->entries, "the index of the repository", err));
    buf_add_z(&text, "DIRC");
    add32(&text, 2);
    add32(&text, d->index->n);
    buf_add(&text, buf_str(&d->index->entries));
    sha1_update(sum, text.p, text.n);
    sha1_final(sum, id);
    buf_append(&text, id, sizeof(id));
    return add_file(d, dir, "index", &text, err);
}

static int add_objects(const GitDir *d, Node *dir, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Node *objects, *pack;
    GitPackFiles files;

    TRY(add_dir(d, dir, "objects", &objects, err));
    TRY(add_dir(d, objects, "pack", &pack, err));
    TRY(git_pack_write(d->objects, &files, err));
    TRY(add_part(d, pack, str_fmt_in(&a, "pack-%s.pack", files.name.z), files.pack, err));
    return add_part(d, pack, str_fmt_in(&a, "pack-%s.idx", files.name.z), files.index, err);
}

int git_dir_add(const GitDir *d, Err *err)
{
    Node *dir;

    TRY(add_dir(d, d->root, ".git", &dir, err));
    TRY(add_head(d, dir, err));
    TRY(add_config(d, dir, err));
    TRY(add_refs(d, dir, err));
    TRY(add_shallow(d, dir, err));
    TRY(add_index(d, dir, err));
    return add_objects(d, dir, err);
}
