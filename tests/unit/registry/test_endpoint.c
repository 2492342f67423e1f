/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/internal.h"
#include "test.h"

/* "host/repository[+http][+skip]" of each endpoint, spaces between. */
static Str describe(const Registry *r, const char *reference, EndpointUse use, Arena *a)
{
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    EndpointVec v = {0};
    Reference ref;
    Err err;

    CHECK_OK(reference_parse(a, str_from(reference), &ref, &err));
    endpoints_find(r, &ref, use, a, &v);
    vec_foreach(e, &v)
        buf_addf(&got, "%s" STR_FMT "/" STR_FMT "%s%s", e == v.v ? "" : " ", STR_ARG(e->host),
                 STR_ARG(e->repository), e->may_http ? "+http" : "",
                 e->tls.skip_verify ? "+skip" : "");
    vec_done(&v);
    return str_dup_in(a, buf_str(&got));
}

TEST(one_registry)
{
    cleanup_arena Arena a = ARENA_INIT;
    RegistryOpts opts = {0};
    Registry r = {.opts = &opts};

    CHECK_STR(describe(&r, "debian", USE_PULL, &a), S("registry-1.docker.io/library/debian"));
    CHECK_STR(describe(&r, "index.docker.io/x/y", USE_PUSH, &a), S("registry-1.docker.io/x/y"));
    CHECK_STR(describe(&r, "reg.example:5000/x", USE_PULL, &a), S("reg.example:5000/x"));
    CHECK_STR(describe(&r, "localhost:5000/x", USE_PUSH, &a), S("localhost:5000/x+http"));
}

TEST(mirrors_come_first_for_pulls)
{
    cleanup_arena Arena a = ARENA_INIT;
    RegistryOpts opts = {0};
    Registry r = {.opts = &opts};
    RegistryMirror m1 = {S("index.docker.io"), S("mirror.local:5000")};
    RegistryMirror m2 = {S("docker.io"), S("other/hub/")};
    RegistryMirror m3 = {S("gcr.io"), S("index.docker.io/gcr")};

    vec_push(&opts.mirrors, m1);
    vec_push(&opts.mirrors, m2);
    vec_push(&opts.mirrors, m3);
    CHECK_STR(describe(&r, "debian", USE_PULL, &a),
              S("mirror.local:5000/library/debian other/hub/library/debian "
                "registry-1.docker.io/library/debian"));
    CHECK_STR(describe(&r, "debian", USE_PUSH, &a), S("registry-1.docker.io/library/debian"));
    CHECK_STR(describe(&r, "gcr.io/p/q", USE_PULL, &a),
              S("registry-1.docker.io/gcr/p/q gcr.io/p/q"));
    opts.no_default_fallback = true;
    CHECK_STR(describe(&r, "gcr.io/p/q", USE_PULL, &a), S("registry-1.docker.io/gcr/p/q"));
    CHECK_STR(describe(&r, "quay.io/p/q", USE_PULL, &a), S("quay.io/p/q"));
    CHECK_STR(describe(&r, "gcr.io/p/q", USE_PUSH, &a), S("gcr.io/p/q"));
    vec_done(&opts.mirrors);
}

TEST(security_settings_belong_to_a_host)
{
    cleanup_arena Arena a = ARENA_INIT;
    RegistryOpts opts = {.insecure_pull = true, .skip_tls_verify = true};
    Registry r = {.opts = &opts};
    RegistryMirror m = {S("a.example"), S("b.example")};

    CHECK_STR(describe(&r, "a.example/x", USE_PULL, &a), S("a.example/x+http"));
    CHECK_STR(describe(&r, "a.example/x", USE_PUSH, &a), S("a.example/x+skip"));
    opts = (RegistryOpts){0};
    vec_push(&opts.mirrors, m);
    vec_push(&opts.insecure_registries, S("b.example"));
    vec_push(&opts.skip_tls_verify_registries, S("A.example"));
    CHECK_STR(describe(&r, "a.example/x", USE_PULL, &a), S("b.example/x+http a.example/x+skip"));
    vec_done(&opts.mirrors);
    vec_done(&opts.insecure_registries);
    vec_done(&opts.skip_tls_verify_registries);
}

TEST(knows_loopback)
{
    CHECK(host_is_loopback(S("localhost")) && host_is_loopback(S("LOCALHOST:80")));
    CHECK(host_is_loopback(S("127.0.0.1:5000")) && host_is_loopback(S("127.9.9.9")));
    CHECK(host_is_loopback(S("[::1]:5000")) && host_is_loopback(S("[::1]")));
    CHECK(!host_is_loopback(S("127.0.0.1.evil.example")) && !host_is_loopback(S("128.0.0.1")));
    CHECK(!host_is_loopback(S("localhost.evil.example")) && !host_is_loopback(S("")));
    CHECK(!host_is_loopback(S("[2001:db8::1]:5000")) && !host_is_loopback(S("169.254.169.254")));
}

TEST_MAIN(T(one_registry), T(mirrors_come_first_for_pulls), T(security_settings_belong_to_a_host),
          T(knows_loopback))
