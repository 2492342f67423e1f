/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in both directions, broken in every way registry.py knows. */
#include "net_test.h"
#include "oci/digest.h"

#define SIZE 3000000

/* A registry with one blob of SIZE bytes and the rest of a script; fetch it into 'k'. */
typedef struct Fetch {
    FaultRegistry r;
    Arena a;
    Keep k;
    HttpAnswer answer;
    Str want;
    const char *url;
} Fetch;

static void fetch_start(Fetch *f, const char *rest)
{
    Digest d;

    *f = (Fetch){.k = KEEP_INIT};
    f->want = pattern(&f->a, SIZE);
    d = digest_of(f->want);
    f->r = fault_registry_start(
        str_fmt_in(&f->a, "{\"repos\": {\"a\": {\"blobs\": [{\"size\": %d}]}}%s}", SIZE, rest).p);
    f->url = fault_url(&f->r, &f->a, str_fmt_in(&f->a, "/v2/a/blobs/%s", d.text).p);
}

static int fetch(Fetch *f, bool resume, Err *err)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();

    return http_do(
        c, &(HttpRequest){.method = "GET", .url = f->url, .sink = &f->k.sink, .resume = resume},
        &f->answer, err);
}

static void fetch_end(Fetch *f)
{
    fault_registry_stop(&f->r);
    buf_done(&f->k.got);
    http_answer_done(&f->answer);
    arena_done(&f->a);
}

static void check_fetched(const char *rest, bool resume, unsigned begins, unsigned resumes)
{
    Fetch f;
    Err err;

    fetch_start(&f, rest);
    CHECK_OK(fetch(&f, resume, &err));
    CHECK(str_eq(buf_str(&f.k.got), f.want));
    if (f.k.begins != begins || f.k.resumes != resumes)
        fault_dump(&f.r);
    CHECK(f.k.begins == begins && f.k.resumes == resumes);
    CHECK(fault_count(&f.r, "\"range\": \"bytes=") >= (int)resumes);
    fetch_end(&f);
}

TEST(streams_into_a_sink)
{
    check_fetched("", true, 1, 0);
    check_fetched(", \"faults\": [{\"do\": \"slow\", \"chunk\": 700000, \"pause_ms\": 5}]", true, 1,
                  0);
}

TEST(resumes_a_broken_transfer)
{
    const char *cuts = ", \"faults\": [{\"do\": \"cut\", \"after\": 1000000}, {\"do\": \"cut\", "
                       "\"after\": 1000}, {\"do\": \"status\", \"status\": 503}]";

    check_fetched(cuts, true, 3, 2);
    check_fetched(cuts, false, 3, 0);
    check_fetched(", \"faults\": [{\"do\": \"reset\", \"after\": 100000}]", false, 2, 0);
    check_fetched(", \"redirect\": true, \"faults\": [{\"host\": \"storage\", \"do\": \"cut\", "
                  "\"after\": 500000}]",
                  true, 2, 1);
}

TEST(starts_over_where_ranges_do_not_work)
{
#define CUT "\"faults\": [{\"do\": \"cut\", \"after\": 1000000}]"
    check_fetched(", \"ranges\": false, " CUT, true, 2, 0);
    check_fetched(", \"ranges\": \"wrong\", " CUT, true, 2, 0);
    check_fetched(", \"ranges\": \"none\", " CUT, true, 2, 0);
}

TEST(progress_is_not_counted_as_failure)
{
    /* 1.2 MB an attempt is progress; seven such breaks are more than the retries allowed */
    Fetch f;
    Err err;

    fetch_start(&f, ", \"faults\": [{\"do\": \"cut\", \"after\": 1200000, \"times\": 2},"
                    "{\"do\": \"cut\", \"after\": 10, \"times\": 5}]");
    CHECK_OK(fetch(&f, true, &err));
    CHECK(str_eq(buf_str(&f.k.got), f.want) && f.k.begins == 8);
    fetch_end(&f);
}

TEST(gives_up_in_the_end)
{
    Fetch f;
    Err err;

    fetch_start(&f, ", \"faults\": [{\"do\": \"cut\", \"after\": 10, \"times\": 0}]");
    CHECK_ERR(fetch(&f, true, &err), ERR_NET, "(6 tries)");
    CHECK(fault_count(&f.r, "GET") == 6);
    fetch_end(&f);
}

TEST(a_stalled_transfer_is_an_error)
{
    Fetch f;
    Err err;

    fetch_start(&f, ", \"faults\": [{\"do\": \"stall\", \"after\": 2000000}]");
    CHECK_OK(fetch(&f, true, &err)); /* after a second, by a range request */
    CHECK(str_eq(buf_str(&f.k.got), f.want) && f.k.resumes == 1);
    fetch_end(&f);

    fetch_start(&f, ", \"faults\": [{\"do\": \"stall\", \"after\": 5, \"times\": 0}]");
    {
        cleanup_with(http_client_free_at) HttpClient *c = quick_client();

        CHECK_ERR(http_do(c,
                          &(HttpRequest){
                              .method = "GET", .url = f.url, .sink = &f.k.sink, .no_retry = true},
                          &f.answer, &err),
                  ERR_NET, "no data for 1 s");
    }
    fetch_end(&f);
}

TEST(an_error_of_the_sink_ends_it)
{
    Fetch f;
    Err err;

    fetch_start(&f, "");
    f.k.refuse = 1000;
    CHECK_ERR(fetch(&f, true, &err), ERR_SYS, "the disk is full");
    CHECK(fault_count(&f.r, "GET") == 1);
    fetch_end(&f);
}

TEST(error_bodies_bypass_the_sink)
{
    Fetch f;
    Err err;

    fetch_start(&f, ", \"faults\": [{\"do\": \"status\", \"status\": 403, \"body\": \"no\"}]");
    CHECK_OK(fetch(&f, true, &err));
    CHECK(f.answer.status == 403 && f.k.begins == 0);
    CHECK_STR(buf_str(&f.answer.body), S("no"));
    fetch_end(&f);
}

/* Upload bytes [5, 5 + n) of a file; the registry checks the digest of what arrives. */
static void put_from_fd(const char *faults, int puts)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0}, start = {0};
    Str bytes = pattern(&a, SIZE), part = {bytes.p + 5, bytes.n - 10};
    Digest d = digest_of(part);
    FaultRegistry r = fault_registry_start(faults);
    int fd = memfd_create("body", MFD_CLOEXEC);
    Err err;

    CHECK(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    CHECK_OK(
        http_do(c,
                &(HttpRequest){.method = "POST", .url = fault_url(&r, &a, "/v2/a/blobs/uploads/")},
                &start, &err));
    CHECK(start.status == 202);
    CHECK_OK(
        http_do(c,
                &(HttpRequest){.method = "PUT",
                               .url = str_fmt_in(&a, STR_FMT "&digest=%s",
                                                 STR_ARG(http_header(&start, "location")), d.text)
                                          .p,
                               .has_body_fd = true,
                               .body_fd = fd,
                               .body_fd_at = 5,
                               .body_fd_n = part.n},
                &answer, &err));
    CHECK(answer.status == 201 && fault_count(&r, "PUT") == puts);
    CHECK_STR(http_header(&answer, "docker-content-digest"), str_from(d.text));
    (void)close(fd);
    fault_registry_stop(&r);
}

TEST(sends_a_file_and_sends_it_again)
{
    put_from_fd("{}", 1);
    put_from_fd("{\"faults\": [{\"method\": \"PUT\", \"do\": \"status\", \"status\": 503}]}", 2);
    put_from_fd(
        "{\"faults\": [{\"method\": \"PUT\", \"do\": \"reset\", \"after\": -1, \"skip\": 9}]}", 1);
}

TEST(a_file_that_shrinks_is_an_error)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = fault_registry_start("{}");
    int fd = memfd_create("body", MFD_CLOEXEC);
    HttpAnswer answer;
    Err err;

    CHECK(write(fd, "short", 5) == 5);
    CHECK_ERR(http_do(c,
                      &(HttpRequest){.method = "PUT",
                                     .url = fault_url(&r, &a, "/v2/a/blobs/uploads/x"),
                                     .has_body_fd = true,
                                     .body_fd = fd,
                                     .body_fd_n = 100},
                      &answer, &err),
              ERR_SYS, "became shorter");
    (void)close(fd);
    fault_registry_stop(&r);
}

static void note_sent(void *ctx, uint64_t sent)
{
    uint64_t *most = ctx;

    *most = sent;
}

TEST(tells_what_was_sent)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start("{}");
    uint64_t most = 0;
    Err err;

    CHECK_OK(http_do(c,
                     &(HttpRequest){.method = "PUT",
                                    .url = fault_url(&r, &a, "/v2/a/manifests/x"),
                                    .body = pattern(&a, 100000),
                                    .on_sent = note_sent,
                                    .on_sent_ctx = &most},
                     &answer, &err));
    CHECK(answer.status == 201 && most == 100000);
    fault_registry_stop(&r);
}

TEST_MAIN(T(streams_into_a_sink), T(resumes_a_broken_transfer),
          T(starts_over_where_ranges_do_not_work), T(progress_is_not_counted_as_failure),
          T(gives_up_in_the_end), T(a_stalled_transfer_is_an_error),
          T(an_error_of_the_sink_ends_it), T(error_bodies_bypass_the_sink),
          T(sends_a_file_and_sends_it_again), T(a_file_that_shrinks_is_an_error),
          T(tells_what_was_sent))
