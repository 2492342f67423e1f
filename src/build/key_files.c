/* SPDX-License-Identifier: Apache-2.0 */
#include "build/key_files.h"

#include "base/limits.h"
#include "base/map.h"
#include "dockerfile/parse.h"

void key_files_done(KeyFiles *f)
{
    vec_done(&f->items);
    vec_done(&f->regular);
}

/* --- which --- */

static void add_item(KeyFiles *f, Str path, Node *n, bool name_only)
{
    KeyItem item = {path, n, name_only};

    vec_push(&f->items, item);
    if (S_ISREG(n->inode->mode) && n->inode->size)
        vec_push(&f->regular, n);
}

static Str join(Arena *a, Str dir, Str name)
{
    return dir.n ? str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(name)) : name;
}

/* 'path': for the key; 'rel': below the source, for --exclude. */
static int add_children(KeyFiles *f, const CopyJob *job, Node *dir, Str path, Str rel, Err *err)
{
    NodeVec children = {0};
    int rc = tree_list(f->tree, dir, &children, err);

    for (size_t i = 0; rc == 0 && i < children.n; i++) {
        Node *n = children.v[i];
        Str below = join(&f->s->arena, rel, node_name(n));
        Str name = join(&f->s->arena, path, node_name(n));
        bool kept = true;

        if (job->exclude)
            rc = copy_is_kept(job, n, below, &kept, err);
        if (rc < 0 || !kept)
            continue;
        add_item(f, name, n, false);
        if (node_is_dir(n))
            rc = add_children(f, job, n, name, below, err);
    }
    vec_done(&children);
    return rc;
}

/* The directories that lead to a match, which --parents makes as they are. */
static int add_leading(KeyFiles *f, const CopyMatch *m, size_t cut, Err *err)
{
    Str rest = str_skip(m->path, cut), c;

    while (path_next(&rest, &c)) {
        Str so_far = str_head(m->path, (size_t)(c.p + c.n - m->path.p));
        Node *dir;

        TRY(tree_lookup(f->tree, so_far, true, &dir, err));
        if (dir && node_is_dir(dir))
            add_item(f, str_skip(so_far, cut), dir, false);
    }
    return 0;
}

static int add_match(KeyFiles *f, const CopyJob *job, const CopyMatch *m, bool parents, size_t cut,
                     Err *err)
{
    Str name = parents ? str_skip(m->path, cut) : m->name;

    if (parents)
        TRY(add_leading(f, m, cut, err));
    if (!node_is_dir(m->node)) {
        add_item(f, name, m->node, false);
        return 0;
    }
    add_item(f, parents ? name : S("."), m->node, true);
    return add_children(f, job, m->node, parents ? name : S("."), S(""), err);
}

static int add_source(KeyFiles *f, const CopyJob *job, Str source, Err *err)
{
    bool parents = !f->whole && instr_flag_is_on(f->step->i, "parents");
    CopyMatchVec matches = {0};
    size_t cut = 0;
    int rc;

    rc = parents ? copy_match_parents(f->tree, &f->s->arena, source, &matches, &cut, err)
                 : copy_match(f->tree, &f->s->arena, source, &matches, err);
    for (size_t i = 0; rc == 0 && i < matches.n; i++)
        rc = add_match(f, job, &matches.v[i], parents, cut, err);
    vec_done(&matches);
    return rc;
}

static int excludes(const Instr *i, Ignore **ret, Err *err)
{
    StrVec patterns = {0};
    int rc = 0;

    vec_foreach(flag, &i->flags)
        if (str_eq(flag->name, S("exclude")))
            vec_push(&patterns, flag->value);
    if (patterns.n)
        rc = ignore_from_patterns(patterns.v, patterns.n, ret, err);
    vec_done(&patterns);
    return rc;
}

static int collect(KeyFiles *f, const StrVec *sources, Err *err)
{
    cleanup_with(ignore_free_at) Ignore *exclude = NULL;
    CopyJob job = {.stage = f->s, .from = f->tree};

    TRY(f->whole ? 0 : excludes(f->step->i, &exclude, err));
    job.exclude = exclude;
    vec_foreach(source, sources)
        TRY(add_source(f, &job, *source, err));
    return 0;
}

/* --- what they are --- */

static void framed(Buf *b, Str s)
{
    buf_addf(b, " %zu:", s.n);
    buf_add(b, s);
}

static void describe_content(const Inode *i, const Node *n, const Contents *c, Buf *b)
{
    if (S_ISREG(i->mode)) {
        buf_addf(b, " size=%llu", (unsigned long long)i->size);
        framed(b, i->size ? contents_digest(c, n) : S(""));
    } else if (S_ISLNK(i->mode)) {
        framed(b, str_from(i->target));
    } else if (!S_ISDIR(i->mode)) {
        buf_addf(b, " dev=%llu", (unsigned long long)i->rdev);
    }
}

/* As much of it as the copy has, too. */
static uint32_t kept_mode(const KeyFiles *f, uint32_t mode)
{
    return S_ISLNK(mode) || f->new_mode ? mode & S_IFMT : mode;
}

static void describe(const KeyFiles *f, const KeyItem *item, const Contents *c, Map *links, Buf *b)
{
    const Inode *i = item->node->inode;
    Str id = {(const char *)&i, sizeof(i)};
    bool shared = !S_ISDIR(i->mode) && map_find_entry(links, id);

    if (item->name_only) {
        buf_add_z(b, "directory");
        return;
    }
    buf_addf(b, "%o", kept_mode(f, i->mode));
    if (f->keep_owner)
        buf_addf(b, " %u:%u", i->uid, i->gid);
    if (shared)
        buf_addf(b, " link=%zu", (size_t)(uintptr_t)map_find(links, id));
    else
        describe_content(i, item->node, c, b);
    for (size_t x = 0; i->xattrs && x < i->xattrs->n; x++) {
        framed(b, i->xattrs->v[x].name);
        framed(b, i->xattrs->v[x].value);
    }
}

/* "file PATH (MODE)": a mode that differs is to be seen as that. */
static void remembered_name(const KeyFiles *f, const KeyItem *item, Str name, Buf *out)
{
    uint32_t mode = item->node->inode->mode;

    buf_add(out, name);
    if (!item->name_only && !S_ISLNK(mode) && !f->new_mode)
        buf_addf(out, " (%04o)", mode & 07777u);
}

static int add_fields(KeyFiles *f, const Contents *c, KeyMaker *k, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL), name = BUF_INIT(BUF_SMALL);
    cleanup_buf Buf shown = BUF_INIT(BUF_SMALL);
    cleanup_map Map links = {0};

    key_add_count(k, "files", f->items.n);
    for (size_t n = 0; n < f->items.n; n++) {
        const KeyItem *item = &f->items.v[n];
        const Inode *i = item->node->inode;

        buf_truncate(&text, 0);
        buf_truncate(&name, 0);
        buf_truncate(&shown, 0);
        describe(f, item, c, &links, &text);
        buf_addf(&name, "file " STR_FMT, STR_ARG(item->path));
        remembered_name(f, item, buf_str(&name), &shown);
        TRY(buf_check(&text, "what is known of a file", err));
        key_add_as(k, buf_z(&name), buf_z(&shown), buf_str(&text));
        if (!S_ISDIR(i->mode))
            (void)map_set(&links, (Str){(const char *)&i, sizeof(i)}, (void *)(uintptr_t)(n + 1));
    }
    return 0;
}

static int hash_rootfs(KeyFiles *f, Contents *c, Err *err)
{
    RootfsFiles files;
    int rc;

    TRY(rootfs_files_open(f->from, &f->regular, &files, err));
    rc = contents_hash(c, &files.s, &f->regular, err);
    rootfs_files_done(&files);
    return rc;
}

int key_files_add(KeyFiles *f, const StrVec *sources, Contents *c, KeyMaker *k, Err *err)
{
    TRY(collect(f, sources, err));
    if (f->from)
        TRY(f->regular.n ? hash_rootfs(f, c, err) : 0);
    else
        TRY(contents_hash(c, f->files, &f->regular, err));
    return add_fields(f, c, k, err);
}
