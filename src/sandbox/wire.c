/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RunRequest as bytes: numbers as they are in memory (both ends are the same program on the same machine), strings
 * with their length in front and a NUL behind, lists with their count in front. A string that may be NULL has a flag
 * before it. The order is that of the two functions at the end, which mirror each other.
 */
#include "sandbox/wire.h"

#include "base/limits.h"

static void put_u32(Buf *to, uint32_t v)
{
    buf_append(to, &v, sizeof(v));
}

static void put_str(Buf *to, Str s)
{
    put_u32(to, (uint32_t)s.n);
    buf_append(to, s.p, s.n);
    buf_add_char(to, '\0');
}

static void put_z(Buf *to, const char *z)
{
    put_u32(to, z != NULL);
    if (z)
        put_str(to, str_from(z));
}

static void put_list(Buf *to, const StrVec *list)
{
    put_u32(to, list ? (uint32_t)list->n : 0);
    for (size_t i = 0; list && i < list->n; i++)
        put_str(to, list->v[i]);
}

static void put_u64(Buf *to, uint64_t v)
{
    buf_append(to, &v, sizeof(v));
}

static void put_mount(Buf *to, const SandboxMount *m)
{
    put_u32(to, m->kind);
    put_z(to, m->target);
    put_u32(to, m->read_only);
    put_z(to, m->dir);
    put_z(to, m->source);
    put_u32(to, m->is_dir);
    put_u32(to, m->discard);
    put_u64(to, m->size_bytes);
    put_str(to, m->data);
    put_u32(to, m->mode);
    put_u32(to, m->uid);
    put_u32(to, m->gid);
}

int run_request_format(const RunRequest *r, Buf *to, Err *err)
{
    const RunSpec *s = &r->spec;

    put_list(to, s->argv);
    put_list(to, s->env);
    put_z(to, s->cwd);
    put_u32(to, s->uid);
    put_u32(to, s->gid);
    put_u32(to, (uint32_t)s->n_groups);
    for (size_t i = 0; i < s->n_groups; i++)
        put_u32(to, s->groups[i]);
    put_z(to, s->hostname);
    put_u32(to, s->network);
    put_u32(to, (uint32_t)s->n_mounts);
    for (size_t i = 0; i < s->n_mounts; i++)
        put_mount(to, &s->mounts[i]);
    put_z(to, r->root);
    put_z(to, r->resolv);
    put_z(to, r->hosts);
    put_z(to, r->scratch);
    put_u32(to, r->own_pids);
    put_u32(to, r->probe);
    return buf_check(to, "the arguments and environment of a RUN", err);
}

static bool get_u32(Str *from, uint32_t *ret)
{
    if (from->n < sizeof(*ret))
        return false;
    memcpy(ret, from->p, sizeof(*ret));
    *from = str_skip(*from, sizeof(*ret));
    return true;
}

static bool get_bool(Str *from, bool *ret)
{
    uint32_t v;

    if (!get_u32(from, &v) || v > 1)
        return false;
    *ret = v;
    return true;
}

static bool get_str(Str *from, Arena *a, Str *ret)
{
    uint32_t n;

    if (!get_u32(from, &n) || from->n < (size_t)n + 1)
        return false;
    *ret = str_dup_in(a, str_head(*from, n));
    *from = str_skip(*from, (size_t)n + 1);
    return true;
}

static bool get_z(Str *from, Arena *a, const char **ret)
{
    Str s = {NULL, 0};
    bool there;

    if (!get_bool(from, &there) || (there && !get_str(from, a, &s)))
        return false;
    *ret = there ? s.p : NULL;
    return true;
}

/* A count is believed only as far as the bytes behind it can hold so many items. */
static bool get_count(Str *from, size_t item_size, uint32_t *ret)
{
    return get_u32(from, ret) && *ret <= from->n / item_size;
}

static bool get_list(Str *from, Arena *a, const StrVec **ret)
{
    StrVec *list = arena_new(a, StrVec);
    uint32_t n;

    if (!get_count(from, sizeof(uint32_t) + 1, &n))
        return false;
    list->v = arena_new_n(a, Str, n);
    list->n = list->cap = n;
    for (uint32_t i = 0; i < n; i++)
        if (!get_str(from, a, &list->v[i]))
            return false;
    *ret = list;
    return true;
}

static bool get_groups(Str *from, Arena *a, RunSpec *ret)
{
    uint32_t n, *v;

    if (!get_count(from, sizeof(uint32_t), &n))
        return false;
    v = arena_new_n(a, uint32_t, n);
    for (uint32_t i = 0; i < n; i++)
        if (!get_u32(from, &v[i]))
            return false;
    ret->groups = v;
    ret->n_groups = n;
    return true;
}

static bool get_u64(Str *from, uint64_t *ret)
{
    if (from->n < sizeof(*ret))
        return false;
    memcpy(ret, from->p, sizeof(*ret));
    *from = str_skip(*from, sizeof(*ret));
    return true;
}

static bool get_mount(Str *from, Arena *a, SandboxMount *ret)
{
    uint32_t kind;

    if (!get_u32(from, &kind) || kind > SANDBOX_FILE || !get_z(from, a, &ret->target) ||
        !ret->target || ret->target[0] != '/' || !get_bool(from, &ret->read_only) ||
        !get_z(from, a, &ret->dir) || !get_z(from, a, &ret->source) ||
        !get_bool(from, &ret->is_dir) || !get_bool(from, &ret->discard) ||
        !get_u64(from, &ret->size_bytes) || !get_str(from, a, &ret->data) ||
        !get_u32(from, &ret->mode) || !get_u32(from, &ret->uid) || !get_u32(from, &ret->gid))
        return false;
    ret->kind = (SandboxMountKind)kind;
    return kind != SANDBOX_BIND || (ret->dir && ret->source);
}

static bool get_mounts(Str *from, Arena *a, RunSpec *ret)
{
    uint32_t n;

    if (!get_u32(from, &n) || n > LIMIT_RUN_MOUNTS)
        return false;
    ret->mounts = arena_new_n(a, SandboxMount, n);
    ret->n_mounts = n;
    for (uint32_t i = 0; i < n; i++)
        if (!get_mount(from, a, &ret->mounts[i]))
            return false;
    return true;
}

static bool get_spec(Str *from, Arena *a, RunSpec *ret)
{
    uint32_t network;

    if (!get_list(from, a, &ret->argv) || !get_list(from, a, &ret->env) ||
        !get_z(from, a, &ret->cwd) || !get_u32(from, &ret->uid) || !get_u32(from, &ret->gid) ||
        !get_groups(from, a, ret) || !get_z(from, a, &ret->hostname) || !get_u32(from, &network) ||
        network > RUN_NETWORK_HOST)
        return false;
    ret->network = (RunNetwork)network;
    return get_mounts(from, a, ret);
}

int run_request_parse(Str text, Arena *a, RunRequest *ret, Err *err)
{
    RunRequest r = {0};

    if (!get_spec(&text, a, &r.spec) || !get_z(&text, a, &r.root) || !get_z(&text, a, &r.resolv) ||
        !get_z(&text, a, &r.hosts) || !get_z(&text, a, &r.scratch) ||
        !get_bool(&text, &r.own_pids) || !get_bool(&text, &r.probe) || text.n != 0)
        return err_set(err, ERR_FORMAT, "malformed request to run a command");
    *ret = r;
    return 0;
}
