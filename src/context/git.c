/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository as a context: a commit is fetched into a spool, and its trees become the Tree, each
 * file's bytes where they already are. Nothing is checked out.
 *
 * Files are 0644 or 0755 and, unless the address says mtime=checkout, as old as the commit: the
 * same commit is the same image. Submodules are fetched from wherever .gitmodules says, but our
 * credentials go to the server of the context alone.
 */
#include <time.h>

#include "base/limits.h"
#include "base/num.h"
#include "context/git_dir.h"
#include "context/git_modules.h"
#include "context/kinds.h"
#include "context/remote.h"
#include "git/fetch.h"
#include "os/fd.h"

typedef struct GitContext {
    Context c;
    Arena arena;
    GitSpool spool;
    const ContextOpts *o; /* while it is being opened */
    const GitUrl *home;   /* whose server may see our credentials */
    size_t files, submodules, lfs_files;
    bool keep_git_dir;
} GitContext;

/* One repository of it. */
typedef struct Repository {
    GitContext *g;
    const GitSpec *spec;
    GitObjects *objects;
    const Node *root;
    bool with_submodules;
    unsigned depth; /* of submodules */
    int64_t mtime_ns;
    GitModules modules;
    GitIndex index; /* when .git is kept */
} Repository;

/* --- trees --- */

/* From the root of its own repository. */
static Str path_below(const Repository *r, const Node *n, Arena *a)
{
    Str root = node_path(r->root, a);

    return str_skip(node_path(n, a), root.n ? root.n + 1 : 0);
}

typedef struct TreeEntry {
    uint32_t mode;
    Str name;
    GitId id;
} TreeEntry;

/* "MODE NAME\0" and the id in binary. */
static int next_entry(Str *rest, TreeEntry *ret, Err *err)
{
    const char *nul = memchr(rest->p, '\0', rest->n);
    Str head, mode;
    uint64_t v;

    if (!nul || rest->n - (size_t)(nul - rest->p) - 1 < GIT_ID_BYTES)
        return err_set(err, ERR_FORMAT, "a tree of git ends in the middle");
    head = str_head(*rest, (size_t)(nul - rest->p));
    if (!str_cut(head, ' ', &mode, &ret->name) || !num_parse_octal(mode, 0177777, &v))
        return err_set(err, ERR_FORMAT, "a tree of git has an entry without a mode");
    ret->mode = (uint32_t)v;
    memcpy(ret->id.b, nul + 1, GIT_ID_BYTES);
    *rest = str_skip(*rest, head.n + 1 + GIT_ID_BYTES);
    return 0;
}

/* What git itself refuses to check out. */
static int check_name(Str name, Err *err)
{
    if (name.n && !str_eq(name, S(".")) && !str_eq(name, S("..")) && !memchr(name.p, '/', name.n) &&
        !str_eq_nocase(name, S(".git")))
        return 0;
    return err_set(err, ERR_FORMAT,
                   "the repository has a file named \"" STR_FMT "\", which no checkout may have",
                   STR_ARG(name));
}

static bool is_lfs_pointer(Str text)
{
    return str_starts(text, S("version https://git-lfs.github.com/spec/"));
}

static int read_object(const Repository *r, const GitObject *x, Buf *ret, Err *err)
{
    FdRangeReader in = fd_range_reader(r->g->spool.fd, x->at, x->size);

    return reader_read_all(&in.r, ret, "a file", err);
}

static int find_blob(const Repository *r, const GitId *id, const GitObject **ret, Err *err)
{
    *ret = git_objects_find(r->objects, id);
    if (!*ret || (*ret)->type != GIT_BLOB)
        return err_set(err, ERR_FORMAT, "the file %s is missing in the pack", git_id_format(id).z);
    return 0;
}

static int make_file(Repository *r, const TreeEntry *e, Inode **ret, Err *err)
{
    cleanup_buf Buf head = BUF_INIT(1024);
    const GitObject *x;
    Inode *i;

    TRY(find_blob(r, &e->id, &x, err));
    i = tree_inode_new(r->g->c.tree, S_IFREG | (e->mode & 0100 ? 0755 : 0644));
    i->size = x->size;
    i->content = (Content){.layer = 1, .offset = x->at};
    if (x->size > 0 && x->size < 1024) {
        TRY(read_object(r, x, &head, err));
        r->g->lfs_files += is_lfs_pointer(buf_str(&head));
    }
    *ret = i;
    return 0;
}

static int make_link(Repository *r, const TreeEntry *e, Inode **ret, Err *err)
{
    cleanup_buf Buf target = BUF_INIT(LIMIT_SYMLINK);
    const GitObject *x;

    TRY(find_blob(r, &e->id, &x, err));
    TRY(read_object(r, x, &target, err));
    if (target.n == 0 || memchr(target.p, '\0', target.n))
        return err_set(err, ERR_FORMAT, "the repository has a symlink that leads nowhere");
    *ret = tree_inode_new(r->g->c.tree, S_IFLNK | 0777);
    inode_set_target(r->g->c.tree, *ret, buf_str(&target));
    return 0;
}

static int add_submodule(Repository *r, Node *dir, const GitId *commit, Err *err);
static int add_tree(Repository *r, Node *dir, const GitId *id, Err *err);

static int add_dir(Repository *r, Node *n, const TreeEntry *e, Err *err)
{
    cleanup_buf Buf path = BUF_INIT(LIMIT_PATH);

    node_path_to(n, &path);
    TRY(buf_check(&path, "the path of a file in the repository", err));
    return S_ISDIR(e->mode) ? add_tree(r, n, &e->id, err) : add_submodule(r, n, &e->id, err);
}

enum {
    GITLINK = 0160000
};

static void note_in_index(Repository *r, const Node *n, const TreeEntry *e)
{
    cleanup_arena Arena a = ARENA_INIT;

    if (r->g->keep_git_dir && !S_ISDIR(e->mode))
        git_index_add(&r->index, path_below(r, n, &a), e->mode, &e->id);
}

static int add_entry(Repository *r, Node *dir, const TreeEntry *e, Err *err)
{
    Tree *t = r->g->c.tree;
    Inode *i;
    Node *n;

    TRY(check_name(e->name, err));
    if (++r->g->files > LIMIT_GIT_FILES)
        return err_set(err, ERR_LIMIT, "the repository has more than %u files", LIMIT_GIT_FILES);
    if (tree_child(t, dir, e->name))
        return err_set(err, ERR_FORMAT, "the repository has two files \"" STR_FMT "\"",
                       STR_ARG(e->name));
    if (S_ISREG(e->mode))
        TRY(make_file(r, e, &i, err));
    else if (S_ISLNK(e->mode))
        TRY(make_link(r, e, &i, err));
    else if (S_ISDIR(e->mode) || e->mode == GITLINK)
        i = tree_inode_new(t, S_IFDIR | 0755);
    else
        return err_set(err, ERR_FORMAT, "\"" STR_FMT "\" has the unknown mode %o", STR_ARG(e->name),
                       e->mode);
    i->mtime_ns = r->mtime_ns;
    TRY(tree_add(t, dir, e->name, i, &n, err));
    note_in_index(r, n, e);
    return node_is_dir(n) ? add_dir(r, n, e, err) : 0;
}

static int add_tree(Repository *r, Node *dir, const GitId *id, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_GIT_TREE);
    TreeEntry e;

    TRY(git_objects_get(r->objects, id, GIT_TREE, &text, err));
    for (Str rest = buf_str(&text); rest.n;) {
        TRY(next_entry(&rest, &e, err));
        TRY(add_entry(r, dir, &e, err));
    }
    return 0;
}

/* --- commits --- */

/* "committer NAME <MAIL> SECONDS ZONE" */
static int64_t committer_time(Str line)
{
    Str rest, zone, before, seconds;
    uint64_t v;

    if (str_cut_last(line, ' ', &rest, &zone) && str_cut_last(rest, ' ', &before, &seconds) &&
        num_parse_u64(seconds, 9000000000u, &v))
        return (int64_t)v * 1000000000;
    return 0;
}

static int read_commit(Repository *r, const GitId *id, GitId *ret_tree, Err *err)
{
    cleanup_buf Buf text = BUF_INIT((size_t)16 << 20);
    bool has_tree = false;

    TRY(git_objects_get(r->objects, id, GIT_COMMIT, &text, err));
    for (Str rest = buf_str(&text), line; str_next(&rest, '\n', &line) && line.n;) {
        if (!has_tree && str_starts(line, S("tree ")))
            has_tree = git_id_parse(str_skip(line, 5), ret_tree);
        else if (str_starts(line, S("committer ")))
            r->mtime_ns = committer_time(line);
    }
    if (!has_tree)
        return err_set(err, ERR_FORMAT, "the commit %s has no tree", git_id_format(id).z);
    if (r->depth == 0)
        r->g->c.time_ns = r->mtime_ns;
    if (r->spec->mtime_checkout)
        r->mtime_ns = (int64_t)time(NULL) * 1000000000;
    return 0;
}

static int load_modules(Repository *r, const GitId *tree, Err *err)
{
    cleanup_buf Buf list = BUF_INIT(LIMIT_GIT_TREE), text = BUF_INIT(BUF_SMALL);
    const GitObject *x;
    TreeEntry e;

    TRY(git_objects_get(r->objects, tree, GIT_TREE, &list, err));
    for (Str rest = buf_str(&list); rest.n;) {
        TRY(next_entry(&rest, &e, err));
        if (!str_eq(e.name, S(".gitmodules")) || !S_ISREG(e.mode))
            continue;
        TRY(find_blob(r, &e.id, &x, err));
        TRY(read_object(r, x, &text, err));
        return git_modules_parse(&r->g->arena, buf_str(&text), &r->modules, err);
    }
    return 0;
}

static int keep_git_dir(const Repository *r, Node *dir, const GitFetched *got, Err *err)
{
    const GitDir d = {.tree = r->g->c.tree,
                      .root = dir,
                      .mtime_ns = r->mtime_ns,
                      .spec = r->spec,
                      .got = got,
                      .objects = r->objects,
                      .index = &r->index};

    return git_dir_add(&d, err);
}

static int fetch_into(Repository *r, Node *dir, const ContextGit *git, GitFetched *got, Err *err)
{
    GitWireOpts wire = {.http = r->g->o->http, .progress = r->g->o->progress};
    GitId tree;

    if (git) {
        wire.skip_tls_verify = git->skip_tls_verify;
        if (r->g->home && git_url_same_server(r->g->home, &r->spec->url))
            wire.credentials = &git->credentials;
    }
    TRY(git_fetch(&r->g->arena, r->spec, git ? git->depth : 0, &wire, r->objects, got, err));
    TRY(read_commit(r, &got->commit, &tree, err));
    if (r->with_submodules)
        TRY(load_modules(r, &tree, err));
    dir->inode->mtime_ns = r->mtime_ns;
    TRY(add_tree(r, dir, &tree, err));
    return r->g->keep_git_dir ? keep_git_dir(r, dir, got, err) : 0;
}

static int add_repository(GitContext *g, const GitSpec *spec, bool with_submodules, unsigned depth,
                          Node *dir, Err *err)
{
    cleanup_with(git_objects_free_at) GitObjects *objects = git_objects_new(&g->spool);
    Repository r = {.g = g,
                    .spec = spec,
                    .objects = objects,
                    .root = dir,
                    .with_submodules = with_submodules,
                    .depth = depth,
                    .index = {.entries = BUF_INIT(LIMIT_GIT_INDEX)}};
    GitFetched got;
    int rc = fetch_into(&r, dir, g->o->git, &got, err);

    vec_done(&r.modules);
    buf_done(&r.index.entries);
    return rc;
}

/* A commit of another repository, at a directory that is there already. */
static int add_submodule(Repository *r, Node *dir, const GitId *commit, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str path = path_below(r, dir, &a);
    const GitModule *m = r->with_submodules ? git_modules_find(&r->modules, path) : NULL;
    GitIdText id = git_id_format(commit);
    GitSpec spec = *r->spec;

    if (!r->with_submodules)
        return 0;
    if (!m || !m->url.n)
        return err_set(err, ERR_USAGE, "the submodule " STR_FMT " has no url in .gitmodules",
                       STR_ARG(path));
    if (r->depth == LIMIT_GIT_DEPTH || ++r->g->submodules > LIMIT_GIT_SUBMODULES)
        return err_set(err, ERR_LIMIT, "the repository has too many submodules");
    spec.ref = spec.commit = spec.subdir = S("");
    spec.checkout = str_from(id.z);
    spec.only_branch = spec.only_tag = false;
    if (git_url_relative(&r->g->arena, &r->spec->url, m->url, &spec.url, err) < 0)
        return err_wrap(err, "the submodule " STR_FMT, STR_ARG(path));
    if (spec.url.transport == GIT_HTTP && url_is_machine_local(spec.url.url) &&
        !url_is_machine_local(r->spec->url.url))
        return err_set(err, ERR_USAGE, "the submodule " STR_FMT " is at a machine-local address",
                       STR_ARG(path));
    if (add_repository(r->g, &spec, true, r->depth + 1, dir, err) < 0)
        return err_wrap(err, "the submodule " STR_FMT, STR_ARG(path));
    return 0;
}

/* --- the object --- */

static int open_file(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const GitContext *g = (const GitContext *)((const char *)self - offsetof(GitContext, c.files));

    return context_spool_open(g->spool.fd, n, ret, err);
}

static int read_file(Context *self, const char *path, Buf *ret, Err *err)
{
    return context_spool_read(self, ((GitContext *)self)->spool.fd, path, ret, err);
}

static void free_git(Context *self)
{
    GitContext *g = (GitContext *)self;

    context_done(self);
    close_at(&g->spool.fd);
    arena_done(&g->arena);
    free(g);
}

static const ContextOps git_ops = {.read = read_file, .free = free_git};

static int cut_subdir(GitContext *g, Str subdir, Err *err)
{
    Tree *below;
    Node *n;

    if (subdir.n == 0)
        return 0;
    TRY(tree_lookup(g->c.tree, subdir, true, &n, err));
    if (!n || !node_is_dir(n))
        return err_set(err, ERR_USAGE, "%s has no directory " STR_FMT, g->c.name, STR_ARG(subdir));
    below = tree_clone_below(n);
    tree_free(g->c.tree);
    g->c.tree = below;
    return 0;
}

static void warn_of_pointers(const GitContext *g)
{
    cleanup_arena Arena a = ARENA_INIT;

    if (g->lfs_files && g->o->warn)
        g->o->warn(str_fmt_in(&a,
                              "%s: %zu file%s of Git LFS: the image gets what is in git, not the "
                              "contents (kiln does not fetch them)",
                              g->c.name, g->lfs_files,
                              g->lfs_files == 1 ? " is a pointer" : "s are pointers"));
}

static int open_git(const GitSpec *spec, const GitUrl *home, const ContextOpts *o, Context **ret,
                    Err *err)
{
    GitContext *g = NEW(GitContext);
    cleanup_with(context_free_at) Context *guard = &g->c;
    bool submodules = spec->submodules != GIT_NO &&
                      (spec->submodules == GIT_YES || !o->git || !o->git->no_submodules);

    context_init(&g->c, &git_ops, str_dup_in(&g->arena, spec->url.shown).p);
    g->spool.fd = -1;
    g->c.files.open = open_file;
    g->c.no_ignore = true;
    g->c.loaded = true;
    g->c.tree = tree_new();
    g->o = o;
    g->home = home;
    g->keep_git_dir = spec->keep_git_dir == GIT_YES && spec->subdir.n == 0;
    TRY(context_spool_new(o, &g->spool.fd, err));
    TRY(add_repository(g, spec, submodules, 0, tree_root(g->c.tree), err));
    TRY(cut_subdir(g, spec->subdir, err));
    if (o->sub_path)
        TRY(cut_subdir(g, str_from(o->sub_path), err));
    warn_of_pointers(g);
    *ret = steal_ptr(&guard);
    return 0;
}

/* kaniko's git:// is https, or what GIT_PULL_METHOD says. */
static Str with_scheme(Arena *a, Str text, const ContextGit *git)
{
    const Str native = S("git://");

    if (!git || !git->native_scheme.n || !str_starts(text, native))
        return text;
    return str_fmt_in(a, STR_FMT "://" STR_FMT, STR_ARG(git->native_scheme),
                      STR_ARG(str_skip(text, native.n)));
}

int git_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitSpec s;

    (void)rest;
    TRY(git_spec_parse(&a, with_scheme(&a, str_from(spec), o->git), &s, err));
    if (o->git && o->git->branch) {
        s.ref = str_from(o->git->branch);
        s.only_branch = s.only_tag = false;
    }
    if (s.keep_git_dir == GIT_DEFAULT && o->git && o->git->keep_git_dir)
        s.keep_git_dir = GIT_YES;
    if (open_git(&s, &s.url, o, ret, err) < 0)
        return err_wrap(err, "the context");
    tree_root((*ret)->tree)->inode->mtime_ns = 0; /* as in every kind of context */
    return 0;
}

static int remote_spec(Arena *a, Str source, const RemoteOpts *r, GitSpec *ret, Err *err)
{
    GitSpec s;

    TRY(git_spec_parse(a, source, &s, err));
    if (r->checksum.n) {
        if (s.commit.n && !str_starts(r->checksum, s.commit) && !str_starts(s.commit, r->checksum))
            return err_set(err, ERR_USAGE, "expected checksum to match " STR_FMT ", got " STR_FMT,
                           STR_ARG(r->checksum), STR_ARG(s.commit));
        TRY(git_commit_check(r->checksum, err));
        s.commit = str_lower_in(a, r->checksum);
    }
    if (s.keep_git_dir && r->keep_git_dir && s.keep_git_dir != r->keep_git_dir)
        return err_set(err, ERR_USAGE, "inconsistent keep-git-dir configuration");
    if (r->keep_git_dir)
        s.keep_git_dir = r->keep_git_dir;
    *ret = s;
    return 0;
}

int remote_git_commit(Arena *a, Str source, const RemoteOpts *r, const ContextOpts *o, Str *ret,
                      Err *err)
{
    GitWireOpts wire = {.http = o->http};
    GitFetched found = {0};
    GitSpec s;

    TRY(remote_spec(a, source, r, &s, err));
    if (!git_known_commit(&s, &found.commit))
        TRY(git_resolve(a, &s, &wire, &found, err));
    *ret = str_dup_in(a, str_from(git_id_format(&found.commit).z));
    return 0;
}

int remote_git_open(Str source, const RemoteOpts *r, const ContextOpts *o, Context **ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    GitSpec s;
    GitId known;

    TRY(remote_spec(&a, source, r, &s, err));
    if (r->commit.n && !git_known_commit(&s, &known)) {
        s.commit = r->commit;
        if (s.ref.n == 0)
            s.ref = S("HEAD"); /* as before, and not by its id alone */
    }
    return open_git(&s, NULL, o, ret, err);
}
