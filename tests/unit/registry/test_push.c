/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs and manifests up, to registries that forget, refuse and lose connections. */
#include "registry_test.h"

#define SIZE 3000000

/* Put bytes into the Bench's store and push them to "x". */
static int push(Bench *b, Str bytes, const char *mount_from, PushOutcome *ret, Err *err)
{
    Reference ref = bench_ref(b, "x");
    Descriptor d = descriptor_of(bytes);
    Digest ignored;

    TRY(store_put(b->store, bytes, &ignored, err));
    return registry_push_blob(b->r, &ref, &d, str_from(mount_from), b->store, NULL, ret, err);
}

/* Does the registry itself say it has the blob? */
static bool arrived(Bench *b, Str bytes)
{
    Reference ref = bench_ref(b, "x");
    Descriptor d = descriptor_of(bytes);
    Err err;
    int r = registry_mount_blob(b->r, &ref, &d, S(""), &err);

    if (r < 0)
        fprintf(stderr, "%s\n", err.msg);
    return r == 1;
}

TEST(uploads_once)
{
    Bench b;
    PushOutcome out;
    Err err;

    bench_start(&b, "{}");
    bench_open(&b, NULL);
    CHECK_OK(push(&b, S("one"), "", &out, &err));
    CHECK(out == PUSH_UPLOADED && arrived(&b, S("one")));
    CHECK_OK(push(&b, S("one"), "", &out, &err));
    CHECK(out == PUSH_EXISTED && fault_count(&b.server, "PATCH") == 1);
    CHECK_OK(push(&b, S(""), "", &out, &err));
    CHECK(out == PUSH_UPLOADED && arrived(&b, S("")));
    CHECK(fault_count(&b.server, "PATCH") == 1 && fault_count(&b.server, "PUT") == 2);
    bench_end(&b);
}

static void push_with(const char *script, const char *mount_from, PushOutcome want)
{
    Bench b;
    PushOutcome out;
    Err err;

    bench_start(&b, script);
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK_OK(push(&b, S("one"), mount_from, &out, &err));
    CHECK(out == want);
    if (!strstr(script, "'head': false"))
        CHECK(arrived(&b, S("one")));
    bench_end(&b);
}

#define SOURCE "'repos': {'base': {'blobs': [{'text': 'one'}]}}"

TEST(mounts_or_falls_back)
{
    push_with("{" SOURCE "}", "base", PUSH_MOUNTED);
    push_with("{" SOURCE "}", "x", PUSH_UPLOADED);
    push_with("{}", "base", PUSH_UPLOADED);
    push_with("{'mount': 202, " SOURCE "}", "base", PUSH_UPLOADED);
    push_with("{'mount': 401, " SOURCE "}", "base", PUSH_UPLOADED);
    push_with("{'mount': 405, " SOURCE "}", "base", PUSH_UPLOADED);
}

#define AUTH "'auth': {'mode': 'bearer', 'users': {'u': 'p'}}"

TEST(a_mount_asks_for_both_repositories)
{
    Bench b;
    PushOutcome out;
    Err err;

    push_with("{" AUTH ", " SOURCE "}", "base", PUSH_MOUNTED);
    push_with(
        "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}, 'refuse_mount_scope': true}, " SOURCE "}",
        "base", PUSH_MOUNTED);
    push_with("{'auth': {'mode': 'basic', 'users': {'u': 'p'}}, " SOURCE "}", "base", PUSH_MOUNTED);

    bench_start(&b, "{" AUTH ", " SOURCE "}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK_OK(push(&b, S("one"), "base", &out, &err));
    CHECK(fault_count3(&b.server, "/token", "x%3Apull%2Cpush&", "scope=repository%3Abase%3Apull") ==
          1);
    bench_end(&b);
}

TEST(locations_of_all_kinds)
{
    push_with("{'location': 'relative'}", "", PUSH_UPLOADED);
    push_with("{'location_query': '_state=A%2Fb%3D&n=%25'}", "", PUSH_UPLOADED);
    push_with("{'location': 'relative', 'location_query': 'a=1'}", "", PUSH_UPLOADED);
    push_with("{'head': false}", "", PUSH_UPLOADED);
    push_with("{'head': false, 'mount': 202, " SOURCE "}", "base", PUSH_UPLOADED);
}

/* A blob of SIZE bytes against these faults; so many PATCHes, of which so many continue. */
static void push_large(const char *rest, int patches, int continued)
{
    cleanup_arena Arena a = ARENA_INIT;
    Bench b;
    PushOutcome out;
    Str bytes;
    Err err;

    bench_start(&b, str_fmt_in(&a, "{'location_query': 'q=1'%s}", rest).p);
    bench_open(&b, NULL);
    bytes = pattern(&b.a, SIZE);
    CHECK_OK(push(&b, bytes, "", &out, &err));
    CHECK(out == PUSH_UPLOADED && arrived(&b, bytes));
    if (fault_count(&b.server, "PATCH") != patches)
        fault_dump(&b.server);
    CHECK(fault_count(&b.server, "PATCH") == patches);
    CHECK(fault_count3(&b.server, "PATCH", "\"content_range\": \"1000000-2999999\"", NULL) ==
          continued);
    bench_end(&b);
}

#define DROP "{'method': 'PATCH', 'do': 'drop', 'after': 1000000}"

TEST(a_broken_upload_goes_on_where_it_stopped)
{
    push_large("", 1, 0);
    push_large(", 'faults': [" DROP "]", 2, 1);
    push_large(", 'location': 'relative', 'faults': [" DROP "]", 2, 1);
    push_large(", 'faults': [{'method': 'PATCH', 'do': 'drop', 'after': 0}]", 2, 0);
}

TEST(or_starts_again)
{
    push_large(", 'resume': false, 'faults': [" DROP "]", 2, 0);
    push_large(", 'faults': [{'method': 'PATCH', 'do': 'status', 'status': 500}]", 2, 0);
    push_large(", 'faults': [{'method': 'PATCH', 'do': 'status', 'status': 404}]", 2, 0);
    /* a registry that is wrong about what it has */
    push_large(", 'faults': [" DROP ", {'method': 'GET', 'path': '/uploads/', 'do': 'headers',"
               "'headers': {'Range': '0-1999999'}}]",
               3, 1);
    push_large(", 'faults': [" DROP ", {'method': 'GET', 'path': '/uploads/', 'do': 'headers',"
               "'headers': {'Range': '0-9999999999'}}]",
               2, 0);
}

TEST(pieces_that_do_not_fit_are_sent_again_whole)
{
    /* the digest is refused after the upload was continued */
    push_large(", 'faults': [" DROP ", {'method': 'PUT', 'do': 'status', 'status': 400}]", 3, 1);
}

TEST(a_lost_answer_is_looked_after)
{
    push_large(", 'faults': [{'method': 'PUT', 'do': 'lose'}]", 1, 0);
    push_large(", 'faults': [{'method': 'POST', 'do': 'lose'}]", 1, 0);
    push_large(", 'faults': [{'method': 'PATCH', 'do': 'lose'}]", 1, 0);
    push_large(", 'faults': [{'method': 'PUT', 'do': 'status', 'status': 503}]", 1, 0);
    /* it says it took less; asked again it knows better */
    push_large(
        ", 'faults': [{'method': 'PATCH', 'do': 'headers', 'headers': {'Range': '0-999999'}}]", 1,
        0);
}

TEST(gives_up)
{
    Bench b;
    PushOutcome out;
    Err err;

    bench_start(&b, "{'faults': [{'method': 'PATCH', 'do': 'status', 'status': 503, 'times': 0,"
                    "'body': 'busy'}]}");
    bench_open(&b, NULL);
    CHECK_ERR(push(&b, S("one"), "", &out, &err), ERR_HTTP, "6 tries: upload: HTTP 503: busy");
    CHECK(fault_count(&b.server, "PATCH") == 6);
    bench_end(&b);

    bench_start(&b, "{'faults': [{'method': 'PATCH', 'do': 'status', 'status': 413, 'times': 0}]}");
    bench_open(&b, NULL);
    CHECK_ERR(push(&b, S("one"), "", &out, &err), ERR_HTTP, "/x: push blob sha256:");
    CHECK(err.http_status == 413 && fault_count(&b.server, "PATCH") == 1);
    bench_end(&b);
}

TEST(a_token_that_runs_out_during_an_upload)
{
    Bench b;
    PushOutcome out;
    Str bytes;
    Err err;

    /* HEAD and POST use up the first token, PATCH and PUT the second */
    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}, 'uses': 2}}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    bytes = pattern(&b.a, SIZE);
    CHECK_OK(push(&b, bytes, "", &out, &err));
    CHECK(fault_count(&b.server, "/token") == 2);
    CHECK(fault_count3(&b.server, "PATCH", "\"status\": 401", NULL) == 1);
    bench_end(&b);
}

TEST(another_hosts_location_gets_no_credentials)
{
    FaultRegistry other = fault_registry_start("{}");
    cleanup_arena Arena a = ARENA_INIT;
    Bench b;
    PushOutcome out;
    Err err;

    bench_start(&b, str_fmt_in(&a, "{" AUTH ", 'location_host': '127.0.0.1:%d'}", other.port).p);
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK_ERR(push(&b, S("one"), "", &out, &err), ERR_NOT_FOUND, "BLOB_UPLOAD_UNKNOWN");
    CHECK(fault_count(&other, "PATCH") == 6 && fault_count(&other, "\"auth\": \"\"") > 0);
    CHECK(fault_count(&other, "Bearer") == 0 && fault_count(&other, "Basic") == 0);
    fault_registry_stop(&other);
    bench_end(&b);
}

TEST(mounts_without_the_blob)
{
    Bench b;
    Reference ref;
    Descriptor d = descriptor_of(S("one"));
    Err err;

    bench_start(&b, "{" SOURCE "}");
    bench_open(&b, NULL);
    ref = bench_ref(&b, "x");
    CHECK(registry_mount_blob(b.r, &ref, &d, S(""), &err) == 0);
    CHECK(registry_mount_blob(b.r, &ref, &d, S("elsewhere"), &err) == 0);
    CHECK(fault_count(&b.server, "DELETE") == 1); /* the upload that was offered instead */
    CHECK(registry_mount_blob(b.r, &ref, &d, S("base"), &err) == 1);
    CHECK(registry_mount_blob(b.r, &ref, &d, S("base"), &err) == 1);
    CHECK(fault_count3(&b.server, "POST", "mount=", NULL) == 2);
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
    Digest ignored;
    Str bytes;
    Err err;

    bench_start(&b, "{'faults': [" DROP "]}");
    bench_open(&b, NULL);
    ref = bench_ref(&b, "x");
    bytes = pattern(&b.a, SIZE);
    d = descriptor_of(bytes);
    CHECK_OK(store_put(b.store, bytes, &ignored, &err));
    CHECK_OK(registry_push_blob(b.r, &ref, &d, S(""), b.store, &ev, NULL, &err));
    CHECK(last == SIZE);
    bench_end(&b);
}

TEST(what_the_store_lacks_cannot_be_pushed)
{
    Bench b;
    Reference ref;
    Descriptor d = descriptor_of(S("absent"));
    Err err;

    bench_start(&b, "{}");
    bench_open(&b, NULL);
    ref = bench_ref(&b, "x");
    CHECK_ERR(registry_push_blob(b.r, &ref, &d, S(""), b.store, NULL, NULL, &err), ERR_NOT_FOUND,
              "/x: push blob sha256:");
    bench_end(&b);
}

/* One registry, two handles: the one gives up where the other still goes on. */
TEST(a_hurried_handle_beside_a_patient_one)
{
    Registry *patient, *other;
    PushOutcome out;
    Bench b;
    Err err;

    bench_start(&b, "{'faults': [{'method': 'POST', 'do': 'status', 'status': 500, 'times': 7}]}");
    b.opts.push_retries = 1;
    bench_open(&b, NULL);
    patient = b.r;
    b.r = other = registry_share(patient, 0);
    registry_hurry(other, true);
    CHECK_ERR(push(&b, S("one"), "", &out, &err), ERR_HTTP, "/x: push blob sha256:");
    CHECK(err.http_status == 500 && fault_count(&b.server, "POST") == 3);
    b.r = patient;
    CHECK_OK(push(&b, S("one"), "", &out, &err));
    CHECK(out == PUSH_UPLOADED && fault_count(&b.server, "POST") == 3 + 5);
    b.r = other;
    CHECK_OK(push(&b, S("one"), "", &out, &err));
    CHECK(out == PUSH_EXISTED && fault_count(&b.server, "\"path\": \"/v2/\"") == 1);
    registry_free(other);
    b.r = patient;
    bench_end(&b);
}

/* The blob's own loop hurries too. */
TEST(a_hurried_upload)
{
    Registry *patient;
    PushOutcome out;
    Bench b;
    Err err;

    bench_start(&b, "{'faults': [{'method': 'PATCH', 'do': 'status', 'status': 500, 'times': 0}]}");
    bench_open(&b, NULL);
    patient = b.r;
    b.r = registry_share(patient, 0);
    registry_hurry(b.r, true);
    CHECK_ERR(push(&b, S("one"), "", &out, &err), ERR_HTTP, "3 tries");
    CHECK(fault_count(&b.server, "PATCH") == 3);
    registry_free(b.r);
    b.r = patient;
    bench_end(&b);
}

static int push_json(Bench *b, const char *rest, const char *json, Err *err)
{
    Reference ref = bench_ref(b, rest);
    Digest d = digest_of(str_from(json));

    return registry_push_manifest(b->r, &ref, S(MEDIA_OCI_MANIFEST), str_from(json), &d, err);
}

TEST(manifests)
{
    Bench b;
    Err err;

    bench_start(
        &b, "{'faults': [{'method': 'PUT', 'path': '/lost', 'do': 'lose'},"
            "{'method': 'PUT', 'path': '/bad', 'do': 'status', 'status': 400, 'body': 'invalid'},"
            "{'method': 'PUT', 'path': '/lie', 'do': 'headers', 'times': 0, 'headers': "
            "{'Docker-Content-Digest': 'sha256:1'}}]}");
    bench_open(&b, NULL);
    CHECK_OK(push_json(&b, "x:v1", "{}", &err));
    CHECK_OK(push_json(&b, "x:v1", "{}", &err));
    CHECK(fault_count(&b.server, "PUT") == 1);
    CHECK(fault_count3(&b.server, "PUT", "\"type\": \"" MEDIA_OCI_MANIFEST "\"", NULL) == 1);
    CHECK_OK(push_json(&b, "x:v1", "{ }", &err)); /* the tag moves */
    CHECK(fault_count3(&b.server, "PUT", "manifests/v1", NULL) == 2);
    CHECK_OK(push_json(&b, str_fmt_in(&b.a, "x@%s", digest_of(S("{}")).text).p, "{}", &err));
    CHECK(fault_count(&b.server, "PUT") == 2);
    CHECK_OK(push_json(&b, "x:lost", "{}", &err));
    CHECK(fault_count3(&b.server, "PUT", "manifests/lost", NULL) == 2);
    CHECK_ERR(push_json(&b, "x:bad", "{}", &err), ERR_HTTP,
              "/x: push manifest bad: HTTP 400: invalid");
    CHECK_ERR(push_json(&b, "x:lie", "{}", &err), ERR_DIGEST, "the registry stored sha256:1");
    bench_end(&b);
}

TEST(in_pieces_where_much_is_refused)
{
    Bench b;
    PushOutcome out;
    Str bytes;
    Err err;

    bench_start(&b, "{'max_body': 800000}");
    bench_open(&b, NULL);
    bytes = pattern(&b.a, SIZE);
    CHECK_OK(push(&b, bytes, "", &out, &err));
    CHECK(out == PUSH_UPLOADED && arrived(&b, bytes));
    CHECK(fault_count3(&b.server, "PATCH", "\"status\": 413", NULL) == 1);
    CHECK(fault_count3(&b.server, "PATCH", "\"content_range\": \"2250000-2999999\"", NULL) == 1);
    bench_end(&b);

    bench_start(&b, "{'max_body': 800000, 'chunk_min': 790000}");
    bench_open(&b, NULL);
    CHECK_OK(push(&b, bytes = pattern(&b.a, SIZE), "", &out, &err));
    CHECK(arrived(&b, bytes));
    CHECK(fault_count3(&b.server, "PATCH", "\"content_range\": \"2370000-2999999\"", NULL) == 1);
    bench_end(&b);

    bench_start(&b, "{'max_body': 800000, 'chunk_min': 900000}"); /* it wants what it refuses */
    bench_open(&b, NULL);
    CHECK_ERR(push(&b, bytes = pattern(&b.a, SIZE), "", &out, &err), ERR_HTTP, "HTTP 413");
    bench_end(&b);

    bench_start(&b, "{'max_body': 1000}"); /* no piece is small enough */
    bench_open(&b, NULL);
    CHECK_ERR(push(&b, bytes = pattern(&b.a, SIZE), "", &out, &err), ERR_HTTP, "HTTP 413");
    bench_end(&b);
}

TEST(tags_that_may_not_move)
{
    static const char *const said[] = {
        "no such luck",
        ("The image tag v1 already exists in the r repository and cannot be overwritten because "
         "the repository is immutable."),
        "manifest invalid: cannot update tag v1. The repository has enabled tag immutability",
    };

    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Bench b;
        Err err;

        bench_start(&b, str_fmt_in(&a,
                                   "{'faults': [{'method': 'PUT', 'do': 'status', 'status': 400, "
                                   "'times': 0, 'body': '%s'}]}",
                                   said[i])
                            .p);
        bench_open(&b, NULL);
        CHECK_ERR(push_json(&b, "x:v1", "{}", &err), i ? ERR_IMMUTABLE : ERR_HTTP, "HTTP 400");
        bench_end(&b);
    }
}

/* The referrer of a subject, pushed; *ret is what is listed afterwards. */
static void attach(Bench *b, const char *text, Index *ret)
{
    Digest subject = digest_of(S("subject"));
    Reference ref = bench_ref(b, "x:v1");
    Str json = str_fmt_in(&b->a, "{\"subject\": {\"digest\": \"%s\"}, \"artifactType\": \"t/%s\"}",
                          subject.text, text);
    Descriptor self = {.media_type = S(MEDIA_OCI_MANIFEST),
                       .size = json.n,
                       .digest = digest_of(json),
                       .artifact_type = str_fmt_in(&b->a, "t/%s", text)};
    Err err;

    CHECK_OK(registry_push_referrer(b->r, &ref, json, &self, &subject, &err));
    CHECK_OK(registry_referrers(b->r, &ref, &subject, ret, &b->a, &err));
}

TEST(referrers)
{
    static const char *const scripts[] = {"{'referrers': true}", "{}"};

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        Bench b;
        Index x;

        bench_start(&b, scripts[i]);
        bench_open(&b, NULL);
        attach(&b, "one", &x);
        CHECK(x.n_manifests == 1);
        attach(&b, "two", &x);
        attach(&b, "one", &x);
        CHECK(x.n_manifests == 2);
        CHECK_STR(x.manifests[1].artifact_type, S("t/two"));
        CHECK((fault_count(&b.server, "manifests/sha256-") > 0) == (i == 1)); /* the tag */
        bench_end(&b);
    }
}

TEST_MAIN(T(uploads_once), T(mounts_or_falls_back), T(a_mount_asks_for_both_repositories),
          T(locations_of_all_kinds), T(a_broken_upload_goes_on_where_it_stopped),
          T(or_starts_again), T(pieces_that_do_not_fit_are_sent_again_whole),
          T(a_lost_answer_is_looked_after), T(gives_up), T(a_token_that_runs_out_during_an_upload),
          T(another_hosts_location_gets_no_credentials), T(mounts_without_the_blob),
          T(tells_its_progress), T(what_the_store_lacks_cannot_be_pushed),
          T(a_hurried_handle_beside_a_patient_one), T(a_hurried_upload), T(manifests),
          T(in_pieces_where_much_is_refused), T(tags_that_may_not_move), T(referrers))
