/* SPDX-License-Identifier: Apache-2.0 */
#include "context/context.h"

#include "base/limits.h"
#include "context/kinds.h"
#include "context/remote.h"

static const ContextKind kinds[] = {
    {"dir", dir_context_open, "a directory"},
    {"tar", tar_context_open, "a tar archive"},
    {"https", http_context_open, "an archive over HTTPS"},
    {"http", http_context_open, "an archive over HTTP"},
    {"gs", bucket_context_open, "an archive in Google Cloud Storage"},
    {"s3", bucket_context_open, "an archive in Amazon S3"},
    {"git", git_context_open, "a git repository"},
    {"ssh", git_context_open, "a git repository"},
    {"git+https", git_context_open, "a git repository"},
    {"git+http", git_context_open, "a git repository"},
    {"git+ssh", git_context_open, "a git repository"},
    {"git+git", git_context_open, "a git repository"},
};

void context_init(Context *c, const ContextOps *ops, const char *name)
{
    c->ops = ops;
    c->name = xstrdup(name);
}

static const ContextKind *find_kind(Str scheme)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(scheme, str_from(kinds[i].scheme)))
            return &kinds[i];
    return NULL;
}

/* "user@host:path" may be a directory after all. */
static bool is_here(const char *spec)
{
    return !strstr(spec, "://") && access(spec, F_OK) == 0;
}

int context_open(const char *spec, const ContextOpts *o, Context **ret, Err *err)
{
    const char *sep = strstr(spec, "://");
    const ContextKind *kind;
    Str scheme;

    if (strcmp(spec, "-") == 0)
        return tar_context_open(spec, "stdin", o, ret, err);
    if (remote_kind(str_from(spec)) == REMOTE_GIT && !is_here(spec))
        return git_context_open(spec, spec, o, ret, err);
    if (!sep)
        return dir_context_open(spec, spec, o, ret, err);
    scheme = str_head(str_from(spec), (size_t)(sep - spec));
    kind = find_kind(scheme);
    if (!kind)
        return err_set(err, ERR_USAGE,
                       "unknown kind of context \"" STR_FMT
                       "\" in %s: use a directory or dir://PATH",
                       STR_ARG(scheme), spec);
    return kind->open(spec, sep ? sep + 3 : spec, o, ret, err);
}

void context_free(Context *c)
{
    if (c)
        c->ops->free(c);
}

void context_done(Context *c)
{
    tree_free(c->tree);
    ignore_free(c->ignore);
    vec_done(&c->unlike);
    free(c->name);
    free(c->dir);
    free(c->ignore_beside);
}

const char *context_name(const Context *c)
{
    return c->name;
}

const char *context_dir(const Context *c)
{
    return c->dir;
}

void context_set_dir(Context *c, int taken_fd)
{
    c->ops->set_dir(c, taken_fd);
}

int context_read(Context *c, const char *path, Buf *ret, Err *err)
{
    return c->ops->read(c, path, ret, err);
}

void context_set_ignore(Context *c, Ignore *taken)
{
    ignore_free(c->ignore);
    c->ignore = taken;
    c->find_ignore = false;
}

const Ignore *context_ignore(const Context *c)
{
    return c->ignore;
}

int context_set_ignore_file(Context *c, const char *beside, Err *err)
{
    free(c->ignore_beside);
    c->ignore_beside = beside ? xstrdup(beside) : NULL;
    c->find_ignore = !c->no_ignore;
    /* Of an archive it is known at its end. */
    return c->ops->load ? 0 : context_load(c, err);
}

int context_load(Context *c, Err *err)
{
    if (c->loaded)
        return 0;
    if (c->ops->load)
        TRY(c->ops->load(c, err));
    else
        TRY(context_find_ignore(c, err));
    c->loaded = true;
    return 0;
}

int64_t context_time_ns(const Context *c)
{
    return c->time_ns;
}

int context_check(Context *c, Err *err)
{
    return !c->loaded && c->ops->check ? c->ops->check(c, err) : 0;
}

static int read_all(Tree *t, Node *top, Err *err)
{
    NodeVec todo = {0};
    int rc = 0;

    vec_push(&todo, top);
    while (rc == 0 && todo.n > 0) {
        Node *n = todo.v[--todo.n];

        if (!node_is_dir(n))
            continue;
        rc = tree_read_dir(t, n, err);
        for (Node *child = n->inode->children; rc == 0 && child; child = child->next)
            vec_push(&todo, child);
    }
    vec_done(&todo);
    return rc;
}

int context_is_as_on_disk(Context *c, Node *n, bool *ret, Err *err)
{
    *ret = c->dir != NULL;
    if (!c->dir)
        return 0;
    TRY(read_all(c->tree, n, err));
    vec_foreach(dir, &c->unlike)
        for (const Node *up = *dir; up; up = up->parent)
            if (up == n)
                *ret = false;
    return 0;
}

Tree *context_tree(Context *c)
{
    return c->tree;
}

FileSource *context_files(Context *c)
{
    return &c->files;
}

/* --- .dockerignore --- */

/* 1 when the file is there. */
static int read_ignore(Context *c, const char *name, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERIGNORE);
    Ignore *ignore;

    if (c->ops->read(c, name, &text, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    TRY(ignore_parse(str_from(name), buf_str(&text), &ignore, err));
    context_set_ignore(c, ignore);
    return 1;
}

int context_find_ignore(Context *c, Err *err)
{
    int found = 0;

    if (!c->find_ignore)
        return 0;
    if (c->ignore_beside)
        found = read_ignore(c, c->ignore_beside, err);
    if (found == 0)
        found = read_ignore(c, ".dockerignore", err);
    return found < 0 ? -1 : 0;
}

static void keep_capability(Tree *t, Inode *i)
{
    const Str key = S("security.capability");
    Xattr one;

    if (!i->xattrs)
        return;
    one = (Xattr){key, xattrs_find(i->xattrs, key)};
    inode_set_xattrs(t, i, S_ISREG(i->mode) && one.value.p ? xattrs_new(&one, 1) : NULL);
}

typedef struct Pruning {
    Context *c;
    NodeVec dirs;     /* to be looked into */
    NodeVec doubtful; /* excluded directories, parents first: they stay if something in them does */
} Pruning;

static void prune_dir(Pruning *p, Node *dir)
{
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);

    for (Node *n = dir->inode->children, *next; n; n = next) {
        next = n->next;
        node_path_to(n, &path);
        if (ignore_excludes(p->c->ignore, buf_str(&path))) {
            if (!node_is_dir(n) || !ignore_may_reinclude(p->c->ignore, buf_str(&path))) {
                tree_remove(p->c->tree, n);
                continue;
            }
            vec_push(&p->doubtful, n);
        }
        keep_capability(p->c->tree, n->inode);
        if (node_is_dir(n))
            vec_push(&p->dirs, n);
    }
}

int context_prune(Context *c, Err *err)
{
    Pruning p = {.c = c};

    TRY(context_find_ignore(c, err));
    vec_push(&p.dirs, tree_root(c->tree));
    while (p.dirs.n)
        prune_dir(&p, p.dirs.v[--p.dirs.n]);
    for (size_t i = p.doubtful.n; i-- > 0;)
        if (!p.doubtful.v[i]->inode->children)
            tree_remove(c->tree, p.doubtful.v[i]);
    vec_done(&p.dirs);
    vec_done(&p.doubtful);
    return 0;
}
