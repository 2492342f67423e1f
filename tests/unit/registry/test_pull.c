/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and blobs down, from registries that lie, break and redirect. */
#include "os/pool.h"
#include "registry_test.h"

#define SIZE 3000000

TEST(resolves_an_image)
{
    Bench b;
    Descriptor d, again;
    Str json;
    Err err;

    bench_start(&b, "{'repos': {'x': {'manifests': {'v1': {'layers': [{'text': 'one'}]},"
                    "'docker': {'layers': [], 'docker': true}, 'typed': {'layers': [], 'type': "
                    "'application/vnd.oci.image.manifest.v1+json; charset=utf-8'}}}}}");
    bench_open(&b, NULL);
    CHECK_OK(bench_resolve(&b, "x:v1", &d, &json, &err));
    CHECK_STR(d.media_type, S(MEDIA_OCI_MANIFEST));
    CHECK(d.size == json.n && str_contains(json, S("\"layers\"")));
    CHECK_OK(bench_resolve(&b, str_fmt_in(&b.a, "x@%s", d.digest.text).p, &again, NULL, &err));
    CHECK(digest_eq(&d.digest, &again.digest));
    CHECK_OK(bench_resolve(&b, "x:docker", &d, &json, &err));
    CHECK_STR(d.media_type, S(MEDIA_DOCKER_MANIFEST));
    CHECK_OK(bench_resolve(&b, "x:typed", &d, &json, &err));
    CHECK_ERR(bench_resolve(&b, "x:none", &d, &json, &err), ERR_NOT_FOUND,
              "/x: manifest none: HTTP 404: MANIFEST_UNKNOWN");
    bench_end(&b);
}

TEST(chooses_from_an_index)
{
    Bench b;
    Descriptor d;
    Str json;
    Err err;

    bench_start(&b,
                "{'repos': {'x': {'manifests': {"
                "'m': {'index': [{'platform': {'os': 'linux', 'architecture': 's390x'}, 'image': "
                "{'layers': []}}, {'platform': {'os': 'linux', 'architecture': 'amd64'}, 'image': "
                "{'layers': [{'text': 'amd'}]}}]},"
                "'nested': {'index': [{'image': {'index': [{'image': {'layers': [{'text': 'deep'}"
                "]}}]}}]},"
                "'s390x': {'index': [{'platform': {'os': 'linux', 'architecture': 's390x'}, "
                "'image': {'layers': []}}]},"
                "'many': {'entries': 10000}, 'huge': {'huge': 5000000}, 'raw': {'raw': 'x'},"
                "'v1': {'raw': '{}', 'type': 'application/vnd.docker.distribution.manifest.v1+json"
                "'}}}}}");
    bench_open(&b, NULL);
    CHECK_OK(bench_resolve(&b, "x:m", &d, &json, &err));
    CHECK(str_contains(json, str_from(digest_of(S("amd")).text)));
    CHECK_STR(d.platform.arch, S("amd64"));
    CHECK_OK(bench_resolve(&b, "x:nested", &d, &json, &err));
    CHECK(str_contains(json, str_from(digest_of(S("deep")).text)));
    CHECK_OK(bench_resolve(&b, "x:many", &d, &json, &err));
    CHECK(str_contains(json, str_from(digest_of(S("the one")).text)));
    CHECK_ERR(bench_resolve(&b, "x:s390x", &d, &json, &err), ERR_NOT_FOUND, "s390x");
    CHECK_ERR(bench_resolve(&b, "x:huge", &d, &json, &err), ERR_LIMIT, "larger than 4194304");
    CHECK(bench_resolve(&b, "x:raw", &d, &json, &err) < 0 && err.kind == ERR_FORMAT);
    CHECK(bench_resolve(&b, "x:v1", &d, &json, &err) < 0);
    bench_end(&b);
}

TEST(manifests_are_checked)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b,
                "{'repos': {'x': {'manifests': {'v1': {'layers': []}}}}, 'faults': ["
                "{'path': '/manifests/v1', 'do': 'headers', 'headers': {'Docker-Content-Digest': "
                "'sha256:0000000000000000000000000000000000000000000000000000000000000000'}},"
                "{'path': '/manifests/sha256', 'do': 'corrupt', 'times': 0}]}");
    bench_open(&b, NULL);
    CHECK_ERR(bench_resolve(&b, "x:v1", &d, NULL, &err), ERR_DIGEST,
              "the registry says sha256:000");
    CHECK_OK(bench_resolve(&b, "x:v1", &d, NULL, &err));
    CHECK_ERR(bench_resolve(&b, str_fmt_in(&b.a, "x@%s", d.digest.text).p, &d, NULL, &err),
              ERR_DIGEST, "want sha256:");
    bench_end(&b);
}

TEST(pulls_a_blob_once)
{
    Bench b;
    Err err;

    bench_start(&b, "{'repos': {'x': {'blobs': [{'text': 'one'}, {'text': ''}]}}}");
    bench_open(&b, NULL);
    CHECK_OK(bench_pull(&b, "x", S("one"), &err));
    CHECK_OK(bench_pull(&b, "x", S("one"), &err));
    CHECK(bench_has(&b, S("one")) && fault_count(&b.server, "/blobs/") == 1);
    CHECK_OK(bench_pull(&b, "x", S(""), &err));
    CHECK(bench_has(&b, S("")));
    CHECK_ERR(bench_pull(&b, "x", S("none"), &err), ERR_NOT_FOUND, "BLOB_UNKNOWN");
    bench_end(&b);
}

/* One blob of SIZE bytes pulled from a registry with these faults; so many GETs of blobs. */
static void pull_with(const char *rest, int gets)
{
    cleanup_arena Arena a = ARENA_INIT;
    Bench b;
    Str bytes;
    Err err;

    bench_start(&b, str_fmt_in(&a, "{'repos': {'x': {'blobs': [{'size': %d}]}}%s}", SIZE, rest).p);
    bench_open(&b, NULL);
    bytes = pattern(&b.a, SIZE);
    CHECK_OK(bench_pull(&b, "x", bytes, &err));
    CHECK(bench_has(&b, bytes));
    if (fault_count3(&b.server, "GET", "sha256", NULL) != gets)
        fault_dump(&b.server);
    CHECK(fault_count3(&b.server, "GET", "sha256", NULL) == gets);
    bench_end(&b);
}

TEST(a_broken_download_goes_on)
{
    pull_with("", 1);
    pull_with(", 'faults': [{'path': '/blobs/', 'do': 'cut', 'after': 1000000},"
              "{'path': '/blobs/', 'do': 'status', 'status': 500}]",
              3);
    pull_with(", 'ranges': false, 'faults': [{'path': '/blobs/', 'do': 'reset', 'after': 100000}]",
              2);
    pull_with(", 'redirect': true", 2);
    pull_with(", 'redirect': true, 'faults': [{'host': 'storage', 'do': 'cut', 'after': 5}]", 4);
}

TEST(redirected_blobs_get_no_credentials)
{
    Bench b;
    Err err;

    bench_start(&b, "{'redirect': true, 'auth': {'mode': 'bearer', 'users': {'u': 'p'}},"
                    "'repos': {'x': {'blobs': [{'text': 'one'}]}}}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK_OK(bench_pull(&b, "x", S("one"), &err));
    CHECK(fault_count3(&b.server, "\"storage\"", "\"auth\": \"\"", "\"status\": 200") == 1);
    bench_end(&b);
}

static void pull_fails(const char *faults, unsigned retries, ErrKind kind, const char *part,
                       int gets)
{
    cleanup_arena Arena a = ARENA_INIT;
    Bench b;
    Err err;

    bench_start(&b,
                str_fmt_in(&a, "{'repos': {'x': {'blobs': [{'text': 'one two'}]}}, 'faults': [%s]}",
                           faults)
                    .p);
    b.opts.pull_retries = retries;
    bench_open(&b, NULL);
    CHECK_ERR(bench_pull(&b, "x", S("one two"), &err), kind, part);
    CHECK(!bench_has(&b, S("one two")));
    CHECK(fault_count(&b.server, "/blobs/") == gets);
    bench_end(&b);
}

TEST(wrong_bytes_never_enter_the_store)
{
    const char *corrupt = "{'path': '/blobs/', 'do': 'corrupt', 'times': 0}";

    pull_fails(corrupt, 0, ERR_DIGEST, "/x: blob sha256:", 1);
    pull_fails(corrupt, 1, ERR_DIGEST, "want sha256:", 2);
    pull_fails("{'path': '/blobs/', 'do': 'longer', 'times': 0}", 0, ERR_DIGEST,
               "more than the 7 bytes", 1);
    pull_fails("{'path': '/blobs/', 'do': 'status', 'status': 200, 'body': 'one', 'times': 0}", 0,
               ERR_DIGEST, "3 bytes, want 7", 1);
    pull_fails("{'path': '/blobs/', 'do': 'status', 'status': 403, 'times': 0}", 3, ERR_AUTH,
               "HTTP 403", 1);
    pull_fails("{'path': '/blobs/', 'do': 'status', 'status': 503, 'times': 0}", 0, ERR_HTTP,
               "HTTP 503", 6);
}

TEST(a_whole_operation_is_tried_again)
{
    Bench b;
    Err err;

    bench_start(&b, "{'repos': {'x': {'blobs': [{'text': 'one'}]}}, 'faults': ["
                    "{'path': '/blobs/', 'do': 'corrupt'}]}");
    b.opts.pull_retries = 1;
    bench_open(&b, NULL);
    CHECK_OK(bench_pull(&b, "x", S("one"), &err));
    bench_end(&b);
}

static int pull_task(void *arg, Err *err)
{
    Bench *b = arg;

    return bench_pull(b, "x", S("shared"), err);
}

TEST(threads_share_a_download)
{
    Bench b;
    Pool *pool;
    Task *tasks[4];
    Bench views[4];
    Err err;

    bench_start(&b, "{'repos': {'x': {'blobs': [{'text': 'shared'}]}}, 'faults': ["
                    "{'path': '/blobs/', 'do': 'slow', 'chunk': 1, 'pause_ms': 20}]}");
    bench_open(&b, NULL);
    pool = pool_new(4);
    for (size_t i = 0; i < 4; i++) {
        views[i] = b;
        views[i].a = (Arena){0}; /* an arena is one thread's */
        tasks[i] = pool_submit(pool, pull_task, &views[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(task_join(tasks[i], &err));
        arena_done(&views[i].a);
    }
    pool_free(pool);
    CHECK(fault_count(&b.server, "/blobs/") == 1 && fault_count(&b.server, "\"/v2/\"") == 1);
    bench_end(&b);
}

static int contact_task(void *arg, Err *err)
{
    Bench *b = arg;
    Reference ref = bench_ref(b, "x");

    return registry_contact(b->r, &ref, false, err);
}

/* Who waited for the first contact of somebody with little patience has not failed himself. */
TEST(a_patient_caller_tries_itself)
{
    Bench b, view;
    Pool *pool;
    Task *quick;
    Descriptor d;
    Err err;

    bench_start(&b, "{'repos': {'x': {'manifests': {'v1': {'layers': []}}}},"
                    "'faults': [{'path': '/v2/$', 'do': 'stall', 'after': 0}]}");
    bench_open(&b, NULL);
    pool = pool_new(1);
    view = b;
    view.a = (Arena){0};
    quick = pool_submit(pool, contact_task, &view);
    while (fault_count(&b.server, "\"/v2/\"") == 0)
        (void)usleep(10000);
    CHECK_OK(bench_resolve(&b, "x:v1", &d, NULL, &err)); /* begins while the other one waits */
    CHECK_ERR(task_join(quick, &err), ERR_NET, "/v2/");
    arena_done(&view.a);
    CHECK(fault_count(&b.server, "\"/v2/\"") == 2);
    pool_free(pool);
    bench_end(&b);
}

/* Of callers with the same patience only the first tries, and all tell what it was told. */
TEST(threads_share_a_failure)
{
    Bench b;

    bench_start(&b, "{'faults': [{'path': '/v2/$', 'do': 'status', 'status': 503, 'times': 0,"
                    "'headers': {'Retry-After': '2'}}]}");
    bench_open(&b, NULL);
    bench_all_fail(&b, "GET /v2/: HTTP 503");
    CHECK(fault_count(&b.server, "\"/v2/\"") == 2);
    bench_end(&b);
}

static void add_mirror(Bench *b, Str registry, const char *to)
{
    RegistryMirror m = {registry, str_dup_in(&b->a, str_from(to))};

    vec_push(&b->opts.mirrors, m);
}

TEST(mirrors)
{
    FaultRegistry mirror = fault_registry_start(
        "{'repos': {'hub/x': {'blobs': [{'text': 'only here'}, {'text': 'both'}],"
        "'manifests': {'v1': {'layers': []}}}}}");
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'repos': {'x': {'blobs': [{'text': 'both'}, {'text': 'origin'}],"
                    "'manifests': {'v2': {'layers': []}}}}}");
    add_mirror(&b, str_fmt_in(&b.a, "127.0.0.1:%d", b.server.port), "127.0.0.1:1");
    add_mirror(&b, b.opts.mirrors.v[0].registry,
               str_fmt_in(&b.a, "127.0.0.1:%d/hub", mirror.port).p);
    bench_open(&b, NULL);
    http_client_free(b.r->http);
    b.r->http = http_client_new(&(HttpClientOpts){.retry_base_ms = 1, .retries = 1});

    CHECK_OK(bench_resolve(&b, "x:v1", &d, NULL, &err)); /* the second of three has it */
    CHECK_OK(bench_pull(&b, "x", S("both"), &err));
    CHECK(fault_count(&mirror, "/blobs/") == 1 && fault_count(&b.server, "/blobs/") == 0);
    CHECK_OK(bench_pull(&b, "x", S("origin"), &err));
    CHECK(fault_count(&b.server, "/blobs/") == 1);
    CHECK_OK(bench_resolve(&b, "x:v2", &d, NULL, &err)); /* only the registry itself has it */
    CHECK_OK(bench_pull(&b, "x", S("only here"), &err));
    CHECK(fault_count(&b.server, "/blobs/") == 2); /* and was asked first now */
    CHECK_ERR(bench_resolve(&b, "x:v3", &d, NULL, &err), ERR_NOT_FOUND, "manifest v3");
    fault_registry_stop(&mirror);
    bench_end(&b);
}

static void count_bytes(void *ctx, const Digest *blob, uint64_t done, uint64_t total)
{
    uint64_t *last = ctx;

    CHECK(digest_is_set(blob) && done <= total && total == SIZE);
    *last = done;
}

TEST(tells_its_progress)
{
    uint64_t last = 0;
    RegistryEvents ev = {.bytes = count_bytes, .ctx = &last};
    Bench b;
    Reference ref;
    Descriptor d;
    Err err;

    bench_start(&b, "{'repos': {'x': {'blobs': [{'size': 3000000}]}}}");
    bench_open(&b, NULL);
    ref = bench_ref(&b, "x");
    d = descriptor_of(pattern(&b.a, SIZE));
    CHECK_OK(registry_pull_blob(b.r, &ref, &d, b.store, &ev, &err));
    CHECK(last == SIZE);
    bench_end(&b);
}

TEST(a_registry_that_is_not_there)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{}");
    bench_open(&b, NULL);
    fault_registry_stop(&b.server);
    CHECK_ERR(bench_resolve(&b, "x:v1", &d, NULL, &err), ERR_NET, "Failed to connect");
    CHECK(strstr(err.msg, "/x: manifest v1: GET https://127.0.0.1:"));
    b.server = fault_registry_start("{}");
    bench_end(&b);
}

TEST_MAIN(T(resolves_an_image), T(chooses_from_an_index), T(manifests_are_checked),
          T(pulls_a_blob_once), T(a_broken_download_goes_on),
          T(redirected_blobs_get_no_credentials), T(wrong_bytes_never_enter_the_store),
          T(a_whole_operation_is_tried_again), T(threads_share_a_download),
          T(a_patient_caller_tries_itself), T(threads_share_a_failure), T(mirrors),
          T(tells_its_progress), T(a_registry_that_is_not_there))
