/* SPDX-License-Identifier: Apache-2.0 */
/* A request comes out of its bytes as it went in, and out of no other bytes. */
#include "sandbox/wire.h"
#include "test.h"

static const uint32_t groups[] = {1, 2, 65534};

static SandboxMount mounts[] = {
    {.kind = SANDBOX_BIND,
     .target = "/src",
     .read_only = true,
     .dir = "/work dir",
     .source = "a/b",
     .is_dir = true,
     .discard = true},
    {.kind = SANDBOX_TMPFS, .target = "/t", .size_bytes = (uint64_t)5 << 40},
    {.kind = SANDBOX_FILE,
     .target = "/run/secrets/x",
     .data = {"a\0b", 3},
     .mode = 0400,
     .uid = 7,
     .gid = 8},
};

static RunRequest sample(StrVec *argv, StrVec *env)
{
    vec_push(argv, S("sh"));
    vec_push(argv, S(""));
    vec_push(argv, S("two\nlines"));
    vec_push(env, S("A=b"));
    return (RunRequest){.spec = {.argv = argv,
                                 .env = env,
                                 .cwd = "/work dir",
                                 .uid = 7,
                                 .gid = 0xfffffffe,
                                 .groups = groups,
                                 .n_groups = 3,
                                 .hostname = "box",
                                 .network = RUN_NETWORK_NONE,
                                 .mounts = mounts,
                                 .n_mounts = ARRAY_LEN(mounts)},
                        .root = "/kiln/roots/0",
                        .hosts = "/kiln/hosts",
                        .scratch = "/kiln/scratch",
                        .own_pids = true};
}

TEST(round_trip)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_RUN_REQUEST);
    cleanup_arena Arena a = ARENA_INIT;
    StrVec argv = {0}, env = {0};
    RunRequest in = sample(&argv, &env), out;
    Err err;

    CHECK_OK(run_request_format(&in, &text, &err));
    CHECK_OK(run_request_parse(buf_str(&text), &a, &out, &err));
    memset(text.p, 'x', text.n); /* nothing points there */
    CHECK(out.spec.argv->n == 3 && out.spec.env->n == 1);
    CHECK_STR(out.spec.argv->v[1], S(""));
    CHECK_STR(out.spec.argv->v[2], S("two\nlines"));
    CHECK(out.spec.argv->v[2].p[9] == '\0'); /* goes to execve as it is */
    CHECK_STR(out.spec.env->v[0], S("A=b"));
    CHECK_STR(str_from(out.spec.cwd), S("/work dir"));
    CHECK(out.spec.uid == 7 && out.spec.gid == 0xfffffffe);
    CHECK(out.spec.n_groups == 3 && memcmp(out.spec.groups, groups, sizeof(groups)) == 0);
    CHECK_STR(str_from(out.spec.hostname), S("box"));
    CHECK(out.spec.network == RUN_NETWORK_NONE && out.own_pids && !out.probe && !out.resolv);
    CHECK_STR(str_from(out.root), S("/kiln/roots/0"));
    CHECK_STR(str_from(out.hosts), S("/kiln/hosts"));
    vec_done(&argv);
    vec_done(&env);
}

TEST(mounts_round_trip)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_RUN_REQUEST);
    cleanup_arena Arena a = ARENA_INIT;
    StrVec argv = {0}, env = {0};
    RunRequest in = sample(&argv, &env), out;
    const SandboxMount *m;
    Err err;

    CHECK_OK(run_request_format(&in, &text, &err));
    CHECK_OK(run_request_parse(buf_str(&text), &a, &out, &err));
    CHECK_STR(str_from(out.scratch), S("/kiln/scratch"));
    CHECK(out.spec.n_mounts == 3);
    m = out.spec.mounts;
    CHECK(m[0].kind == SANDBOX_BIND && m[0].read_only && m[0].is_dir && m[0].discard);
    CHECK_STR(str_from(m[0].target), S("/src"));
    CHECK_STR(str_from(m[0].dir), S("/work dir"));
    CHECK_STR(str_from(m[0].source), S("a/b"));
    CHECK(m[1].kind == SANDBOX_TMPFS && !m[1].read_only && !m[1].dir);
    CHECK(m[1].size_bytes == (uint64_t)5 << 40);
    CHECK(m[2].kind == SANDBOX_FILE && m[2].mode == 0400 && m[2].uid == 7 && m[2].gid == 8);
    CHECK_STR(m[2].data, ((Str){"a\0b", 3}));
    vec_done(&argv);
    vec_done(&env);
}

TEST(nothing_is_a_request_too)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_RUN_REQUEST);
    cleanup_arena Arena a = ARENA_INIT;
    RunRequest out;
    Err err;

    CHECK_OK(run_request_format(&(RunRequest){.probe = true}, &text, &err));
    CHECK_OK(run_request_parse(buf_str(&text), &a, &out, &err));
    CHECK(out.probe && out.spec.argv->n == 0 && out.spec.env->n == 0 && !out.spec.cwd && !out.root);
}

TEST(every_cut_is_noticed)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_RUN_REQUEST);
    cleanup_arena Arena a = ARENA_INIT;
    StrVec argv = {0}, env = {0};
    RunRequest in = sample(&argv, &env), out;
    Err err;

    CHECK_OK(run_request_format(&in, &text, &err));
    for (size_t n = 0; n < text.n; n++) {
        cleanup_free char *part =
            memcpy(NEW_N(char, n), text.p, n); /* of that size, for the sanitizer */

        CHECK_ERR(run_request_parse((Str){part, n}, &a, &out, &err), ERR_FORMAT, "malformed");
    }
    buf_add_char(&text, '\0');
    CHECK_ERR(run_request_parse(buf_str(&text), &a, &out, &err), ERR_FORMAT, "malformed");
    vec_done(&argv);
    vec_done(&env);
}

TEST(counts_are_not_believed)
{
    const uint32_t lie[] = {0xffffffff, 0, 0, 0};
    cleanup_arena Arena a = ARENA_INIT;
    RunRequest out;
    Err err;

    CHECK_ERR(run_request_parse((Str){(const char *)lie, sizeof(lie)}, &a, &out, &err), ERR_FORMAT,
              "malformed");
}

TEST(too_large_is_refused)
{
    cleanup_buf Buf text = BUF_INIT(1000);
    StrVec argv = {0};
    RunRequest in = {.spec = {.argv = &argv}};
    Err err;

    for (int i = 0; i < 100; i++)
        vec_push(&argv, S("0123456789"));
    CHECK_ERR(run_request_format(&in, &text, &err), ERR_LIMIT, "arguments and environment");
    vec_done(&argv);
}

TEST_MAIN(T(round_trip), T(mounts_round_trip), T(nothing_is_a_request_too), T(every_cut_is_noticed),
          T(counts_are_not_believed), T(too_large_is_refused))
