/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request of a push and of a pull fails once, in every way: the work is done all the same, or
 * there is one clear line; and never is there a manifest whose blobs are not (the registry would say
 * so, and that is an error no fault leads to).
 */
#include "registry_test.h"

#define AUTH "'auth': {'mode': 'bearer', 'users': {'u': 'p'}}, "
#define REPO \
    "'repos': {'app': {'manifests': {'v1': {'layers': [{'size': 300000}, {'text': 'two'}]}}}}, "

static const char *const faults[] = {
    "'do': 'reset', 'after': -1",
    "'do': 'stall', 'after': 0",
    "'do': 'status', 'status': 429, 'headers': {'Retry-After': '0'}",
    "'do': 'status', 'status': 500",
    "'do': 'status', 'status': 401",
    "'do': 'cut', 'after': 1",
    "'do': 'lose'",
};

static void open_with(Bench *b, const char *more, const char *fault, int nth)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str rule = fault ? str_fmt_in(&a, "{'skip': %d, 'path': '.*', %s}", nth, fault) : S("");

    bench_start(b, str_fmt_in(&a, "{" AUTH "%s'strict': true, 'faults': [" STR_FMT "]}", more,
                              STR_ARG(rule))
                       .p);
    bench_open(b, "\"auth\": \"dTpw\"");
    http_client_free(b->r->http);
    b->r->http = http_client_new(&(HttpClientOpts){.retry_base_ms = 1, .stall_timeout_s = 1});
}

static bool one_line(const Err *err)
{
    return err->msg[0] && !strchr(err->msg, '\n');
}

/* A process for each fault: they mostly wait. once() returns how many requests there were. */
static void every_fault(int (*once)(const char *fault, int nth))
{
    int n = once(NULL, 0), status;

    for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid > 0)
            continue;
        for (int i = 0; i < n; i++)
            (void)once(faults[f], i);
        _exit(0);
    }
    for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
        CHECK(wait(&status) > 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

/* --- up --- */

/* An image of two layers in the store. */
static Descriptor make_image(Bench *b)
{
    cleanup_buf Buf json = BUF_INIT(BUF_SMALL);
    Str big = pattern(&b->a, 300000);
    Descriptor layers[2] = {descriptor_of(big), descriptor_of(S("two"))}, root;
    Manifest m = {.config = descriptor_of(S("{}")), .layers = layers, .n_layers = 2};
    Digest ignored;
    Err err;

    m.config.media_type = S(MEDIA_OCI_CONFIG);
    manifest_format(&m, &json);
    root = descriptor_of(buf_str(&json));
    root.media_type = S(MEDIA_OCI_MANIFEST);
    CHECK_OK(store_put(b->store, big, &ignored, &err));
    CHECK_OK(store_put(b->store, S("two"), &ignored, &err));
    CHECK_OK(store_put(b->store, S("{}"), &ignored, &err));
    CHECK_OK(store_put(b->store, buf_str(&json), &ignored, &err));
    return root;
}

/* How many requests there were. */
static int push_once(const char *fault, int nth)
{
    Bench b;
    Descriptor root;
    Reference ref;
    Err err;
    int rc, n;

    open_with(&b, "", fault, nth);
    root = make_image(&b);
    ref = bench_ref(&b, "app:v1");
    rc = registry_push_tree(b.r, &ref, &root, b.store, NULL, &err);
    if (rc < 0)
        fprintf(stderr, "# %s at request %d: %s\n", fault, nth, err.msg);
    CHECK(rc == 0 || (fault && one_line(&err)));
    CHECK(fault_count(&b.server, "MANIFEST_BLOB_UNKNOWN") == 0);
    CHECK(fault_count3(&b.server, "\"PUT\"", "/manifests/", "\"status\": 400") == 0);
    if (rc == 0)
        CHECK(fault_count3(&b.server, "\"PUT\"", "/manifests/v1", "\"status\": 201") > 0 ||
              fault_count3(&b.server, "\"PUT\"", "/manifests/v1", NULL) > 0);
    n = fault_count(&b.server, "\"method\"");
    bench_end(&b);
    return n;
}

TEST(push)
{
    every_fault(push_once);
}

/* --- down --- */

static int pull_once(const char *fault, int nth)
{
    Bench b;
    Descriptor root;
    Reference ref;
    Err err;
    Str json;
    int rc, n;

    open_with(&b, REPO, fault, nth);
    ref = bench_ref(&b, "app:v1");
    rc = bench_resolve(&b, "app:v1", &root, &json, &err);
    if (rc == 0)
        rc = registry_pull_tree(b.r, &ref, &root, b.store, &err);
    if (rc < 0)
        fprintf(stderr, "# %s at request %d: %s\n", fault, nth, err.msg);
    CHECK(rc == 0 || (fault && one_line(&err)));
    CHECK(rc < 0 || (bench_has(&b, pattern(&b.a, 300000)) && bench_has(&b, S("two"))));
    n = fault_count(&b.server, "\"method\"");
    bench_end(&b);
    return n;
}

TEST(pull)
{
    every_fault(pull_once);
}

TEST_MAIN(T(push), T(pull))
