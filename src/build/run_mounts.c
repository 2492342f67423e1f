/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_mounts.h"

#include <fcntl.h>

#include "base/limits.h"
#include "build/cached.h"
#include "build/named.h"
#include "os/walk.h"

#define SECRETS_DIR "/run/secrets"
#define SOCKETS_DIR "/run/buildkit"
#define SOCKET_NAME "agent"

enum {
    SECRET_MODE = 0400,
    SOCKET_MODE = 0600
};

/* One --mount being prepared. */
typedef struct Asked {
    StageBuild *s;
    RunMounts *to;
    RunMount m;
    SandboxMount box;
    MountOrigin origin;
} Asked;

static Arena *arena_of(Asked *a)
{
    return &a->s->b->arena; /* as long as what is kept of it */
}

static void push(Asked *a)
{
    vec_push(&a->to->list, a->box);
    vec_push(&a->to->origins, a->origin);
}

static int read_target(Asked *a, Str text, Err *err)
{
    Str target = path_join(arena_of(a), stage_workdir(a->s), text);

    if (text.n == 0 || str_eq(target, S("/")))
        return err_set(err, ERR_SYNTAX, "invalid mount target \"" STR_FMT "\"", STR_ARG(text));
    a->box.target = str_dup_in(arena_of(a), target).p;
    return 0;
}

/* --- bind --- */

static int find_source(Asked *a, Err *err)
{
    Stage *stage;
    Context *files;
    Str image;

    if (a->m.from.n == 0)
        return mount_source_context(a->s->b, a->s->b->req->context, a->m.source, &a->box,
                                    &a->origin, err);
    TRY(plan_find_mount(a->s->plan, a->s->stage, &a->m, &stage, &image, err));
    if (stage)
        return mount_source_rootfs(stage_rootfs(stage), a->m.source, &a->box, &a->origin, err);
    TRY(named_context(a->s->b, image, &a->s->stage->platform, &files, err));
    if (files)
        return mount_source_context(a->s->b, files, a->m.source, &a->box, &a->origin, err);
    if (image.n)
        return mount_source_image(a->s->b, image, &a->s->stage->platform, a->m.source, &a->box,
                                  &a->origin, err);
    return mount_source_empty(a->s->b, &a->box, err);
}

static int add_bind(Asked *a, Err *err)
{
    TRY(read_target(a, a->m.target, err));
    TRY(find_source(a, err));
    a->box.discard = !a->box.read_only;
    push(a);
    return 0;
}

/* --- cache --- */

/* What a new cache begins with. */
static int fill_cache(Asked *a, Rootfs *fs, const char *dir, Err *err)
{
    cleanup_with(rootfs_files_done) RootfsFiles files = {.disk_fd = -1};
    NodeVec wanted = {0};
    Node *n;
    int rc;

    TRY(rootfs_load(fs, false, err));
    TRY(tree_lookup(fs->tree, a->m.source, true, &n, err));
    if (!n)
        return err_set(err, ERR_NOT_FOUND, "\"" STR_FMT "\": not found", STR_ARG(a->m.source));
    rc = mount_collect_files(fs->tree, n, &wanted, err);
    if (rc == 0)
        rc = rootfs_files_open(fs, &wanted, &files, err);
    vec_done(&wanted);
    TRY(rc);
    return mount_write_out(fs->tree, n, &files.s, dir, sandbox_may_chown(a->s->b->sandbox), err);
}

static int find_cache_content(Asked *a, Rootfs **ret, Err *err)
{
    Stage *stage = NULL;
    Context *files = NULL;
    Str image = S("");

    *ret = NULL;
    if (a->m.from.n)
        TRY(plan_find_mount(a->s->plan, a->s->stage, &a->m, &stage, &image, err));
    if (!stage && image.n)
        TRY(named_context(a->s->b, image, &a->s->stage->platform, &files, err));
    if (files)
        return err_set(err, ERR_UNSUPPORTED,
                       "a cache that begins with files of a build context is not supported yet");
    if (stage)
        *ret = stage_rootfs(stage);
    else if (image.n)
        TRY(mount_source_image_files(a->s->b, image, &a->s->stage->platform, ret, err));
    return 0;
}

/* Where in the cache the mount begins: links in what it was filled from are not in the way. */
static int cache_source(Asked *a, Rootfs *content, Err *err)
{
    Str path = path_rooted(arena_of(a), a->m.source);

    if (content) {
        TRY(rootfs_load(content, false, err));
        TRY(tree_canonical(content->tree, arena_of(a), a->m.source, true, &path, err));
    }
    a->box.source = str_dup_in(arena_of(a), path).p;
    return 0;
}

/* A cache that this RUN has already is not locked a second time: that could wait for itself. */
static CacheMount *find_held(const RunMounts *to, const CacheMount *c)
{
    vec_foreach(held, &to->caches)
        if (str_eq(held->key, c->key))
            return held;
    return NULL;
}

typedef struct CacheStart {
    Asked *asked;
    Rootfs *content; /* NULL: it begins empty */
} CacheStart;

/* What an earlier build has left in a repository comes before what the Dockerfile says. */
static int start_cache(void *ctx, const CacheMount *c, const char *dir, Err *err)
{
    CacheStart *start = ctx;
    int restored = cached_mount_restore(start->asked->s->b, c, dir, err);

    TRY(restored);
    return restored || !start->content ? 0 : fill_cache(start->asked, start->content, dir, err);
}

static int open_cache(Asked *a, Rootfs *content, CacheMount **ret, Err *err)
{
    CacheStart start = {a, content};
    CacheFill fill = {start_cache, &start};
    const BuildRequest *req = a->s->b->req;
    const KeyValue *ns = key_values_find(&req->build_args, S("BUILDKIT_CACHE_MOUNT_NS"));
    bool may_chown = sandbox_may_chown(a->s->b->sandbox);
    CacheMount c;

    cache_mount_name(arena_of(a), ns ? ns->value : S(""), &a->m, &c);
    *ret = a->m.sharing == MOUNT_SHARING_PRIVATE ? NULL : find_held(a->to, &c);
    if (*ret)
        return 0;
    if (cache_mount_open(arena_of(a), req->kiln_dir, &a->m, may_chown, &fill, &c, err) < 0) {
        cache_mount_close(&c);
        return err_wrap(err, "cache " STR_FMT, STR_ARG(c.id));
    }
    cached_mount_used(a->s->b, &c);
    vec_push(&a->to->caches, c);
    *ret = &a->to->caches.v[a->to->caches.n - 1];
    return 0;
}

/* mkdir -p in a cache, where earlier commands may have left links: none is followed. */
static int make_below(const char *dir, Str path, Err *err)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (Str rest = path, c; path_next(&rest, &c);) {
        cleanup_free char *name = str_dup(c);
        int next;

        if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
            return err_sys(err, "make %s in %s", name, dir);
        next = dir_open_at(fd, name, err);
        if (next < 0)
            return -1;
        (void)close(fd);
        fd = next;
    }
    return 0;
}

static int add_cache(Asked *a, Err *err)
{
    Rootfs *content;
    CacheMount *c;
    Sandbox *box;

    TRY(read_target(a, a->m.target, err));
    if (a->m.id.n == 0)
        a->m.id = path_clean(arena_of(a), a->m.target);
    TRY(builder_sandbox(a->s->b, &box, err));
    TRY(find_cache_content(a, &content, err));
    TRY(cache_source(a, content, err));
    TRY(open_cache(a, content, &c, err));
    if (!content)
        TRY(make_below(c->dir, str_from(a->box.source), err));
    a->box.dir = c->dir;
    a->box.is_dir = true;
    push(a);
    return 0;
}

/* --- tmpfs --- */

static int add_tmpfs(Asked *a, Err *err)
{
    Sandbox *box;

    TRY(read_target(a, a->m.target, err));
    TRY(builder_sandbox(a->s->b, &box, err));
    if (a->m.size_bytes && !sandbox_parallel(box))
        builder_warn(a->s->b,
                     "RUN --mount=type=tmpfs,target=" STR_FMT
                     ": nothing can be mounted here, so its size has no limit",
                     STR_ARG(a->m.target));
    a->box.kind = SANDBOX_TMPFS;
    a->box.size_bytes = a->m.size_bytes;
    push(a);
    return 0;
}

/* --- secret --- */

static const Secret *find_secret(const BuildRequest *req, Str id)
{
    vec_foreach(s, &req->secrets)
        if (str_eq(s->id, id))
            return s;
    return NULL;
}

static Str secret_id(const RunMount *m)
{
    if (m->source.n)
        return m->source;
    return m->id.n ? m->id : path_base(m->target);
}

static void add_env(RunMounts *m, Str name, Str value)
{
    char *z = NEW_N(char, name.n + value.n + 2);

    memcpy(z, name.p, name.n);
    z[name.n] = '=';
    memcpy(z + name.n + 1, value.p, value.n);
    vec_push(&m->env, z); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
}

static int add_secret_env(Asked *a, const Secret *secret, Err *err)
{
    Str name = a->m.env.n ? a->m.env : secret->id;

    if (memchr(name.p, '=', name.n))
        return err_set(err, ERR_SYNTAX, "\"" STR_FMT "\" is no name for a variable", STR_ARG(name));
    if (secret->value.n && memchr(secret->value.p, '\0', secret->value.n))
        return err_set(err, ERR_USAGE,
                       "secret " STR_FMT " holds a zero byte: it cannot be a variable",
                       STR_ARG(secret->id));
    add_env(a->to, name, secret->value);
    return 0;
}

static int add_secret(Asked *a, Err *err)
{
    Str id = secret_id(&a->m), target = a->m.target;
    const Secret *secret = find_secret(a->s->b->req, id);

    if (!secret && a->m.required)
        return err_set(err, ERR_NOT_FOUND,
                       "secret " STR_FMT ": not found (give it with --secret id=" STR_FMT
                       ",src=FILE or env=NAME)",
                       STR_ARG(id), STR_ARG(id));
    if (!secret)
        return 0;
    if (a->m.has_env)
        TRY(add_secret_env(a, secret, err));
    if (a->m.has_env && target.n == 0)
        return 0;
    if (target.n == 0)
        target = str_fmt_in(arena_of(a), SECRETS_DIR "/" STR_FMT, STR_ARG(path_base(id)));
    TRY(read_target(a, target, err));
    a->box.kind = SANDBOX_FILE;
    a->box.data = secret->value;
    a->box.mode = a->m.has_mode ? a->m.mode : SECRET_MODE;
    a->box.uid = a->m.uid;
    a->box.gid = a->m.gid;
    push(a);
    return 0;
}

/* --- ssh --- */

static const SshAgent *find_agent(const BuildRequest *req, Str id)
{
    vec_foreach(agent, &req->ssh_agents)
        if (str_eq(agent->id, id))
            return agent;
    return NULL;
}

/* A socket of its own, so that it has the mode and the owner that are asked for. */
static int open_proxy(Asked *a, const SshAgent *agent, Err *err)
{
    cleanup_free char *dir = NULL;
    cleanup_close int fd = -1;
    AgentProxy *proxy;
    Sandbox *box;

    TRY(builder_sandbox(a->s->b, &box, err));
    TRY(sandbox_new_dir(box, &dir, err));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", dir);
    TRY(agent_proxy_start(fd, SOCKET_NAME, agent->fd, &proxy, err));
    vec_push(&a->to->proxies, proxy); /* NOLINT(bugprone-sizeof-expression): a list of pointers */
    if (sandbox_may_chown(box) && fchownat(fd, SOCKET_NAME, a->m.uid, a->m.gid, 0) < 0)
        return err_sys(err, "give the socket to %u:%u", a->m.uid, a->m.gid);
    if (fchmodat(fd, SOCKET_NAME, a->m.has_mode ? a->m.mode & 07777 : SOCKET_MODE, 0) < 0)
        return err_sys(err, "set the mode of the socket");
    a->box.dir = str_dup_in(arena_of(a), str_from(dir)).p;
    a->box.source = SOCKET_NAME;
    return 0;
}

static int add_ssh(Asked *a, Err *err)
{
    Str id = a->m.id.n ? a->m.id : S("default"), target = a->m.target;
    const SshAgent *agent = find_agent(a->s->b->req, id);

    if (!agent && a->m.required)
        return err_set(err, ERR_NOT_FOUND,
                       "no SSH key \"" STR_FMT
                       "\" forwarded from the client (give it with --ssh " STR_FMT ")",
                       STR_ARG(id), STR_ARG(id));
    if (!agent)
        return 0;
    if (target.n == 0)
        target = str_fmt_in(arena_of(a), SOCKETS_DIR "/ssh_agent.%zu", a->to->proxies.n);
    TRY(read_target(a, target, err));
    TRY(open_proxy(a, agent, err));
    a->box.read_only = false;
    if (!a->to->auth_sock)
        a->to->auth_sock = str_fmt_in(arena_of(a), "SSH_AUTH_SOCK=%s", a->box.target).p;
    push(a);
    return 0;
}

/* --- all of them --- */

typedef int AddMount(Asked *a, Err *err);

static AddMount *const add_type[MOUNT_TYPE_COUNT] = {[MOUNT_TYPE_BIND] = add_bind,
                                                     [MOUNT_TYPE_CACHE] = add_cache,
                                                     [MOUNT_TYPE_TMPFS] = add_tmpfs,
                                                     [MOUNT_TYPE_SECRET] = add_secret,
                                                     [MOUNT_TYPE_SSH] = add_ssh};

int run_mounts_prepare(StageBuild *s, const Instr *i, RunMounts *ret, Err *err)
{
    Expander x = scope_expander(&s->scope);

    vec_foreach(f, &i->flags) {
        Asked a = {.s = s, .to = ret};

        if (!str_eq(f->name, S("mount")))
            continue;
        TRY(mount_parse(&s->b->arena, f->value, &x, &a.m, err));
        a.box.kind = SANDBOX_BIND;
        a.box.read_only = a.m.read_only;
        TRY(add_type[a.m.type](&a, err));
        if (ret->list.n > LIMIT_RUN_MOUNTS)
            return err_set(err, ERR_LIMIT, "more than %u mounts", LIMIT_RUN_MOUNTS);
    }
    return 0;
}

void run_mounts_add_file(RunMounts *m, const char *target, uint32_t mode, Str data)
{
    SandboxMount file = {.kind = SANDBOX_FILE, .target = target, .data = data, .mode = mode};
    MountOrigin none = {0};

    vec_push(&m->list, file);
    vec_push(&m->origins, none);
}

static Str env_name(Str entry)
{
    Str name = entry, value;

    (void)str_cut(entry, '=', &name, &value);
    return name;
}

static bool has_variable(const StrVec *env, Str name)
{
    vec_foreach(e, env)
        if (str_eq(env_name(*e), name))
            return true;
    return false;
}

void run_mounts_environ(const RunMounts *m, StrVec *env)
{
    vec_foreach(z, &m->env) {
        Str entry = str_from(*z);
        bool replaced = false;

        vec_foreach(e, env) {
            if (!str_eq(env_name(*e), env_name(entry)))
                continue;
            *e = entry;
            replaced = true;
        }
        if (!replaced)
            vec_push(env, entry);
    }
    if (m->auth_sock && !has_variable(env, S("SSH_AUTH_SOCK")))
        vec_push(env, str_from(m->auth_sock));
}

static bool same_file(const Inode *i, const struct stat *st)
{
    return i->ino == st->st_ino && i->size == (uint64_t)st->st_size && i->mode == st->st_mode &&
           i->mtime_ns == (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* In place a file that was mounted over has been renamed, and has a new ctime for that only. */
static int know_again(StageBuild *s, const char *target, Err *err)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    Tree *t = s->fs->tree;
    struct stat st;
    Node *n;

    TRY(tree_lookup(t, str_from(target), true, &n, err));
    if (!n || !S_ISREG(n->inode->mode) || n->inode->ctime_ns == 0)
        return 0;
    node_path_to(n, &path);
    if (fstatat(s->fs->root->fd, buf_z(&path), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !same_file(n->inode, &st))
        return 0;
    n->inode->ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    tree_note_ctime(t, n->inode->ctime_ns);
    return 0;
}

int run_mounts_settle(StageBuild *s, RunMounts *m, Err *err)
{
    bool in_place = !sandbox_parallel(s->b->sandbox);

    for (size_t i = 0; i < m->list.n; i++) {
        if (m->list.v[i].spoiled)
            mount_origin_spoiled(&m->origins.v[i]);
        if (in_place)
            TRY(know_again(s, m->list.v[i].target, err));
    }
    return 0;
}

void run_mounts_done(RunMounts *m)
{
    vec_foreach(p, &m->proxies)
        agent_proxy_stop(*p);
    vec_done(&m->proxies);
    vec_foreach(z, &m->env) {
        explicit_bzero(*z, strlen(*z));
        free(*z);
    }
    vec_foreach(c, &m->caches)
        cache_mount_close(c);
    vec_done(&m->env);
    vec_done(&m->caches);
    vec_done(&m->origins);
    vec_done(&m->list);
}
