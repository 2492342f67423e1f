/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount: CSV, keys, and what goes together. */
#include "dockerfile/mount.h"
#include "test.h"

static bool lookup(void *ctx, Str name, Str *ret)
{
    (void)ctx;
    *ret = str_eq(name, S("u")) ? S("5") : str_eq(name, S("t")) ? S("cache") : S("a,b");
    return !str_eq(name, S("unset"));
}

static const Expander expander = {.escape = '\\', .lookup = lookup};

static void add_text(Buf *b, const char *name, Str value)
{
    if (value.n)
        buf_addf(b, " %s=" STR_FMT, name, STR_ARG(value));
}

static void add_number(Buf *b, const char *name, bool has, uint32_t value)
{
    if (has)
        buf_addf(b, " %s=%u", name, value);
}

static void dump(const RunMount *m, Buf *b)
{
    static const char *const sharings[] = {"shared", "private", "locked"};

    buf_addf(b, "%s%s", mount_type_name(m->type), m->read_only ? " ro" : "");
    add_text(b, "from", m->from);
    add_text(b, "source", m->source);
    add_text(b, "target", m->target);
    add_text(b, "id", m->id);
    if (m->has_env)
        buf_addf(b, " env=" STR_FMT, STR_ARG(m->env));
    if (m->required)
        buf_add_z(b, " required");
    if (m->has_sharing)
        buf_addf(b, " %s", sharings[m->sharing]);
    add_number(b, "mode", m->has_mode, m->mode);
    add_number(b, "uid", m->has_uid, m->uid);
    add_number(b, "gid", m->has_gid, m->gid);
    if (m->size_bytes)
        buf_addf(b, " size=%llu", (unsigned long long)m->size_bytes);
}

static void check_mount(const char *text, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    RunMount m;
    Err err;

    CHECK_OK(mount_parse(&a, str_from(text), &expander, &m, &err));
    dump(&m, &got);
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(types)
{
    check_mount("target=/a", "bind ro target=/a");
    check_mount("type=bind,target=/a", "bind ro target=/a");
    check_mount("dst=/a,src=/b,from=c", "bind ro from=c source=/b target=/a");
    check_mount("destination=/a,source=/b,rw", "bind source=/b target=/a");
    check_mount("target=/a,readwrite=false", "bind ro target=/a");
    check_mount("target=/a,ro=false", "bind target=/a");
    check_mount("target=/a,rw,readonly", "bind ro target=/a");
    check_mount("type=cache,target=/a", "cache target=/a");
    check_mount("type=CACHE,target=/a,id=x,sharing=Locked,mode=0750,uid=5,gid=6,ro",
                "cache ro target=/a id=x locked mode=488 uid=5 gid=6");
    check_mount("TYPE=tmpfs,Target=/a,SIZE=64", "tmpfs target=/a size=64");
    check_mount("type=secret,id=x", "secret ro id=x");
    check_mount("type=secret,source=x,env=E,required", "secret ro source=x env=E required");
    check_mount("type=secret,target=/a,env=,required=0", "secret ro target=/a env=");
    check_mount("type=ssh", "ssh ro");
    check_mount("type=ssh,id=a,mode=0600,required=true", "ssh ro id=a required mode=384");
    check_mount("", "bind ro");
}

TEST(sizes)
{
    check_mount("type=tmpfs,target=/a,size=128m", "tmpfs target=/a size=134217728");
    check_mount("type=tmpfs,target=/a,size=1k", "tmpfs target=/a size=1024");
    check_mount("type=tmpfs,target=/a,size=1KB", "tmpfs target=/a size=1024");
    check_mount("type=tmpfs,target=/a,size=1GiB", "tmpfs target=/a size=1073741824");
    check_mount("type=tmpfs,target=/a,size=1.5 g", "tmpfs target=/a size=1610612736");
    check_mount("type=tmpfs,target=/a,size=2t", "tmpfs target=/a size=2199023255552");
    check_mount("type=tmpfs,target=/a,size=7b", "tmpfs target=/a size=7");
}

TEST(csv)
{
    check_mount("type=cache,\"target=/a,b\"", "cache target=/a,b");
    check_mount("\"target=/a\"\"b,c\"\"\",type=cache", "cache target=/ab,c");
    check_mount("type=cache,target=/a=b", "cache target=/a=b");
}

TEST(expansion)
{
    check_mount("type=$t,target=/${x},uid=$u", "cache target=/a,b uid=5");
    check_mount("target=/a$unset", "bind ro target=/a");
    check_mount("from=a$,target=\\$x", "bind ro from=a$ target=$x");
}

TEST(mistakes)
{
    static const char *const table[][2] = {
        {"target", "invalid field 'target' must be a key=value pair"},
        {"target=/a,", "invalid field '' must be a key=value pair"},
        {"tarqet=/a", "unexpected key 'tarqet' in 'tarqet=/a' (did you mean target?)"},
        {"nonsense=/a", "unexpected key 'nonsense' in 'nonsense=/a'"},
        {"type=cash", "unsupported mount type \"cash\" (did you mean cache?)"},
        {"type=", "unsupported mount type \"\""},
        {"type=cache,sharing=all", "unsupported sharing value \"all\""},
        {"mode=0755", "mode not allowed for \"bind\" type mounts"},
        {"type=tmpfs,uid=1", "uid not allowed for \"tmpfs\" type mounts"},
        {"gid=1", "gid not allowed for \"bind\" type mounts"},
        {"size=1", "unexpected key 'size' for mount type 'bind'"},
        {"size=1,type=tmpfs", "unexpected key 'size' for mount type 'bind'"},
        {"type=cache,required", "unexpected key 'required' for mount type 'cache'"},
        {"required=true,type=secret", "unexpected key 'required' for mount type 'bind'"},
        {"sharing=locked", "invalid cache sharing set for bind mount"},
        {"type=secret,id=a,from=b", "secret mount should not have a from"},
        {"type=secret,id=a,sharing=locked", "secret mount should not define sharing"},
        {"type=secret", "invalid secret mount. one of source, target required"},
        {"type=secret,id=a,src=b", "both source and id can't be set"},
        {"type=ssh,source=a", "ssh does not support source"},
        {"type=cache,mode=0799", "invalid value 0799 for mode"},
        {"type=cache,mode=rwx", "invalid value rwx for mode"},
        {"type=cache,uid=-1", "invalid value -1 for uid"},
        {"type=cache,gid=4294967296", "invalid value 4294967296 for gid"},
        {"ro=maybe", "invalid value for ro: maybe"},
        {"rw=", "invalid value for rw: "},
        {"type=ssh,required=x", "invalid value for required: x"},
        {"type=tmpfs,size=big", "invalid value for size: big"},
        {"type=tmpfs,size=1x", "invalid value for size: 1x"},
        {"type=tmpfs,size=-1", "invalid value for size: -1"},
        {"type=tmpfs,size=1bb", "invalid value for size: 1bb"},
        {"type=tmpfs,size=9999999p", "invalid value for size: 9999999p"},
        {"from=$x", "'from' doesn't support variable expansion, define alias stage instead"},
        {"target=${}", "failed to process \"${}\""},
        {"target=\"/a\"", "bare \" in non-quoted field"},
        {"\"target=/a", "extraneous or missing \" in field"},
        {"\"target=/a\"b", "extraneous or missing \" in field"},
    };
    cleanup_arena Arena a = ARENA_INIT;
    RunMount m;
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        CHECK_ERR(mount_parse(&a, str_from(table[i][0]), &expander, &m, &err), ERR_SYNTAX,
                  table[i][1]);
}

/* Before the build: CSV and from, nothing else. */
TEST(first_reading)
{
    cleanup_arena Arena a = ARENA_INIT;
    RunMount m;
    Err err;

    CHECK_OK(mount_parse(&a, S("type=$what,from=stage,nonsense=1,target,uid=x"), NULL, &m, &err));
    CHECK_STR(m.from, S("stage"));
    CHECK(m.target.n == 0 && m.type == MOUNT_TYPE_BIND);
    CHECK_OK(mount_parse(&a, S("from"), NULL, &m, &err));
    CHECK_ERR(mount_parse(&a, S("FROM=a$b"), NULL, &m, &err), ERR_SYNTAX,
              "'from' doesn't support variable expansion");
    CHECK_ERR(mount_parse(&a, S("a\"b"), NULL, &m, &err), ERR_SYNTAX, "failed to parse csv");
}

TEST_MAIN(T(types), T(sizes), T(csv), T(expansion), T(mistakes), T(first_reading))
