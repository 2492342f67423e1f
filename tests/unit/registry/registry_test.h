/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the tests of registry/ that talk to registry.py: a Bench is a registry with a script, a
 * store in a temporary directory, and a Registry with given credentials that does not dawdle.
 */
#pragma once

#include <fcntl.h>

#include "fault_registry.h"
#include "os/file.h"
#include "os/pool.h"
#include "os/temp.h"
#include "registry/internal.h"

typedef struct Bench {
    FaultRegistry server;
    Arena a;
    Temp *dir;
    Store *store;
    RegistryOpts opts;
    Registry *r;
} Bench;

/* Nothing of whoever runs the tests may leak in. */
static inline void forget_credentials(const char *home)
{
    static const char *const names[] = {"DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE",
                                        "XDG_RUNTIME_DIR",    "CI_REGISTRY",   "XDG_CONFIG_HOME"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(unsetenv(names[i]) == 0);
    CHECK(setenv("HOME", home, 1) == 0);
}

/* The server and the store; options may be set before bench_open(). */
static inline void bench_start(Bench *b, const char *script)
{
    const char *tmp = getenv("TMPDIR");
    Err err;

    *b = (Bench){.server = fault_registry_start(script)};
    CHECK_OK(temp_dir(tmp ? tmp : "/tmp", "kiln-test-registry", &b->dir, &err));
    CHECK_OK(store_open(str_fmt_in(&b->a, "%s/store", temp_path(b->dir)).p, &b->store, &err));
    forget_credentials(temp_path(b->dir));
}

/* credentials: the members of an auths entry, or NULL: {"auths": {"127.0.0.1:PORT": {...}}} */
static inline void bench_open(Bench *b, const char *credentials)
{
    Err err;

    if (credentials)
        CHECK(setenv("DOCKER_AUTH_CONFIG",
                     str_fmt_in(&b->a, "{\"auths\": {\"127.0.0.1:%d\": {%s}}}", b->server.port,
                                credentials)
                         .p,
                     1) == 0);
    CHECK_OK(registry_new(&b->opts, &b->r, &err));
    b->r->pause_ms = 1;
    http_client_free(b->r->http);
    b->r->http = http_client_new(&(HttpClientOpts){.retry_base_ms = 1, .stall_timeout_s = 2});
}

static inline void bench_end(Bench *b)
{
    registry_free(b->r);
    store_free(b->store);
    temp_free(b->dir);
    vec_done(&b->opts.mirrors);
    fault_registry_stop(&b->server);
    arena_done(&b->a);
}

static inline Reference bench_ref(Bench *b, const char *rest)
{
    Reference ref;
    Err err;

    CHECK_OK(reference_parse(&b->a, str_fmt_in(&b->a, "127.0.0.1:%d/%s", b->server.port, rest),
                             &ref, &err));
    return ref;
}

/* Resolve for linux/amd64; the manifest's bytes live as long as the Bench. */
static inline int bench_resolve(Bench *b, const char *rest, Descriptor *ret, Str *ret_json,
                                Err *err)
{
    Platform amd64 = {S("linux"), S("amd64"), S(""), S("")};
    cleanup_buf Buf json = BUF_INIT((size_t)16 << 20);
    Reference ref = bench_ref(b, rest);

    TRY(registry_resolve(b->r, &ref, &amd64, ret, &json, &b->a, err));
    if (ret_json)
        *ret_json = str_dup_in(&b->a, buf_str(&json));
    return 0;
}

static inline Descriptor descriptor_of(Str bytes)
{
    return (Descriptor){.media_type = S(MEDIA_OCI_LAYER_GZIP),
                        .digest = digest_of(bytes),
                        .size = bytes.n};
}

/* The bytes of {"size": n} in a script. */
static inline Str pattern(Arena *a, size_t n)
{
    char *p = arena_new_n(a, char, n + 1);

    for (size_t i = 0; i < n; i++)
        p[i] = (char)(((i % 65536) * 7 + i % 65536 / 256) & 255);
    return (Str){p, n};
}

static inline int bench_pull(Bench *b, const char *rest, Str bytes, Err *err)
{
    Reference ref = bench_ref(b, rest);
    Descriptor d = descriptor_of(bytes);

    return registry_pull_blob(b->r, &ref, &d, b->store, NULL, err);
}

static inline bool bench_has(Bench *b, Str bytes)
{
    Digest d = digest_of(bytes);
    uint64_t size;

    return store_has(b->store, &d, &size) && size == bytes.n;
}

enum {
    BENCH_CALLERS = 4
};

static inline int bench_caller(void *arg, Err *err)
{
    Descriptor ignored;

    return bench_resolve(arg, "team/app:v1", &ignored, NULL, err);
}

/* Several threads at once resolve an image, with one retry at most, and each is told 'why' it cannot. */
static inline void bench_all_fail(Bench *b, const char *why)
{
    Pool *pool = pool_new(BENCH_CALLERS);
    Bench views[BENCH_CALLERS];
    Task *tasks[BENCH_CALLERS];
    Err err;

    http_client_free(b->r->http);
    b->r->http = http_client_new(&(HttpClientOpts){.retry_base_ms = 1, .retries = 1});
    for (size_t i = 0; i < BENCH_CALLERS; i++) {
        views[i] = *b;
        views[i].a = (Arena){0};
        tasks[i] = pool_submit(pool, bench_caller, &views[i]);
    }
    for (size_t i = 0; i < BENCH_CALLERS; i++) {
        CHECK_ERR(task_join(tasks[i], &err), ERR_HTTP, why);
        arena_done(&views[i].a);
    }
    pool_free(pool);
}
