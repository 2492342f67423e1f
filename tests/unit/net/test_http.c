/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, retries, redirects and limits against registry.py. */
#include <pthread.h>
#include <time.h>

#include "net_test.h"
#include "os/signal.h"

static int get(HttpClient *c, const char *url, HttpAnswer *ret, Err *err)
{
    return http_do(c, &(HttpRequest){.method = "GET", .url = url}, ret, err);
}

TEST(gets_and_reuses_the_connection)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = fault_registry_start("{}");
    Err err;

    for (int i = 0; i < 3; i++) {
        cleanup_http_answer HttpAnswer answer = {0};

        CHECK_OK(get(c, fault_url(&r, &a, "/v2/"), &answer, &err));
        CHECK(answer.status == 200);
        CHECK_STR(buf_str(&answer.body), S("{}"));
        CHECK_STR(http_header(&answer, "content-type"), S("application/json"));
        CHECK_STR(answer.final_url, str_from(fault_url(&r, &a, "/v2/")));
    }
    CHECK(fault_count(&r, "\"conn\": 1,") == 3);
    fault_registry_stop(&r);
}

TEST(goes_where_it_has_been_without_looking_names_up)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer one = {0}, two = {0};
    FaultRegistry r = fault_registry_start(
        "{\"faults\": [{\"path\": \"/v2/again/\", \"do\": \"reset\", \"after\": -1}]}");
    Err err;

    http_known_names_only(true);
    CHECK(get(c, fault_url(&r, &a, "/v2/"), &one, &err) < 0 && err.kind == ERR_NET);
    CHECK(strstr(err.msg, "must not be looked up") && fault_count(&r, "GET") == 0);
    http_known_names_only(false);
    CHECK_OK(get(c, fault_url(&r, &a, "/v2/"), &one, &err));
    http_known_names_only(true);
    CHECK_OK(get(c, fault_url(&r, &a, "/v2/again/tags/list"), &two, &err));
    CHECK(fault_count(&r, "\"conn\": 2,") > 0); /* over a new connection */
    http_known_names_only(false);
    fault_registry_stop(&r);
}

TEST(an_error_status_is_an_answer)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start("{}");
    Err err;

    CHECK_OK(get(c, fault_url(&r, &a, "/v2/a/blobs/sha256:0"), &answer, &err));
    CHECK(answer.status == 404 && str_contains(buf_str(&answer.body), S("BLOB_UNKNOWN")));
    CHECK(fault_count(&r, "GET") == 1);
    fault_registry_stop(&r);
}

TEST(tries_again_when_told_to_come_back)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start(
        "{\"faults\": [{\"do\": \"status\", \"status\": 429, \"headers\": {\"Retry-After\": \"0\"},"
        "  \"times\": 2}, {\"do\": \"status\", \"status\": 503}, {\"do\": \"reset\", \"after\": -1}]}");
    Err err;

    CHECK_OK(get(c, fault_url(&r, &a, "/v2/"), &answer, &err));
    CHECK(answer.status == 200 && fault_count(&r, "GET") == 5);
    fault_registry_stop(&r);
}

TEST(gives_the_last_answer_when_tries_are_used_up)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start(
        "{\"faults\": [{\"do\": \"status\", \"status\": 502, \"body\": \"sorry\", \"times\": 0}]}");
    Err err;

    CHECK_OK(get(c, fault_url(&r, &a, "/v2/"), &answer, &err));
    CHECK(answer.status == 502 && fault_count(&r, "GET") == 1 + (int)HTTP_RETRIES);
    CHECK_STR(buf_str(&answer.body), S("sorry"));
    fault_registry_stop(&r);
}

static int count_after(const char *script, HttpRequest req)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start(script);
    Err err;
    int n;

    req.url = fault_url(&r, &a, "/v2/a/blobs/uploads/");
    (void)(http_do(c, &req, &answer, &err) < 0);
    n = fault_count(&r, "\"method\"");
    fault_registry_stop(&r);
    return n;
}

TEST(repeats_a_post_only_when_allowed)
{
    const char *busy = "{\"faults\": [{\"do\": \"status\", \"status\": 503}]}";
    const char *reset = "{\"faults\": [{\"do\": \"lose\"}]}";
    const char *refused = "{\"faults\": [{\"do\": \"status\", \"status\": 429}]}";

    CHECK(count_after(busy, (HttpRequest){.method = "POST"}) == 1);
    CHECK(count_after(busy, (HttpRequest){.method = "PATCH"}) == 1);
    CHECK(count_after(busy, (HttpRequest){.method = "POST", .retry_post = true}) == 2);
    CHECK(count_after(reset, (HttpRequest){.method = "POST"}) == 1);
    CHECK(count_after(reset, (HttpRequest){.method = "POST", .retry_post = true}) == 2);
    CHECK(count_after(refused, (HttpRequest){.method = "POST"}) == 2);
    CHECK(count_after(refused, (HttpRequest){.method = "GET", .no_retry = true}) == 1);
}

TEST(a_hurried_call_has_few_tries)
{
    const char *busy = "{\"faults\": [{\"do\": \"status\", \"status\": 503, \"times\": 0}]}";
    const char *later = "{\"faults\": [{\"do\": \"status\", \"status\": 503, \"times\": 0,"
                        "  \"headers\": {\"Retry-After\": \"30\"}}]}";
    atomic_bool patient = false, hurry = true;

    CHECK(count_after(busy, (HttpRequest){.method = "GET", .hurry = &patient}) == 6);
    CHECK(count_after(busy, (HttpRequest){.method = "GET", .hurry = &hurry}) == 3);
    CHECK(count_after(later, (HttpRequest){.method = "GET", .hurry = &hurry}) == 1);
    CHECK(count_after(busy, (HttpRequest){.method = "GET", .patience_ms = 60000}) == 6);
    CHECK(count_after(busy, (HttpRequest){.method = "GET", .patience_ms = 1}) == 3);
    CHECK(count_after(later, (HttpRequest){.method = "GET", .patience_ms = 1000}) == 2);
}

typedef struct Hurrying {
    const FaultRegistry *r;
    atomic_bool hurry;
} Hurrying;

static void *hurry_after_the_first(void *arg)
{
    Hurrying *h = arg;

    while (fault_count(h->r, "GET") == 0)
        (void)usleep(10000);
    atomic_store(&h->hurry, true);
    return NULL;
}

/* Told to come back in half a minute, and then that nobody waits: a last try, no more. */
TEST(a_pause_ends_when_there_is_a_hurry)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r =
        fault_registry_start("{\"faults\": [{\"do\": \"status\", \"status\": 503, \"times\": 0,"
                             "  \"headers\": {\"Retry-After\": \"30\"}}]}");
    Hurrying h = {.r = &r};
    time_t begun = time(NULL);
    pthread_t other;
    Err err;

    CHECK(pthread_create(&other, NULL, hurry_after_the_first, &h) == 0);
    CHECK_OK(http_do(
        c, &(HttpRequest){.method = "GET", .url = fault_url(&r, &a, "/v2/"), .hurry = &h.hurry},
        &answer, &err));
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(answer.status == 503 && fault_count(&r, "GET") == 2);
    CHECK(time(NULL) - begun < 30);
    fault_registry_stop(&r);
}

TEST(says_what_failed_without_the_query)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    HttpAnswer answer;
    FaultRegistry r = fault_registry_start("{}");
    const char *url = fault_url(&r, &a, "/v2/?secret=1");
    Err err;

    fault_registry_stop(&r);
    CHECK_ERR(get(c, url, &answer, &err), ERR_NET, "/v2/ (6 tries): Failed to connect");
    CHECK(!strstr(err.msg, "secret"));
    CHECK_ERR(http_do(c, &(HttpRequest){.method = "GET", .url = url, .no_retry = true}, &answer,
                      &err),
              ERR_NET, "GET http://127.0.0.1:");
    CHECK(!strstr(err.msg, "tries"));
    CHECK_ERR(get(c, "http://no-such-host.invalid/", &answer, &err), ERR_NET, "(3 tries)");
    CHECK_ERR(get(c, "ftp://127.0.0.1/", &answer, &err), ERR_NET, "rotocol");
}

TEST(keeps_authorization_from_other_hosts)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};
    FaultRegistry r = fault_registry_start(
        "{\"redirect\": true, \"repos\": {\"a\": {\"blobs\": [{\"text\": \"hello\"}]}}}");
    HttpHeader headers[] = {{S("authorization"), S("Bearer x")}, {S("Cookie"), S("a=b")}};
    Err err;

    CHECK_OK(http_do(c,
                     &(HttpRequest){.method = "GET",
                                    .url = fault_url(&r, &a,
                                                     "/v2/a/blobs/sha256:"
                                                     "2cf24dba5fb0a30e26e83b2ac5b9e29e"
                                                     "1b161e5c1fa7425e73043362938b9824"),
                                    .headers = headers,
                                    .n_headers = 2},
                     &answer, &err));
    CHECK(answer.status == 200);
    CHECK_STR(buf_str(&answer.body), S("hello"));
    CHECK(fault_count3(&r, "\"registry\"", "\"Bearer\"", NULL) == 1);
    CHECK(fault_count3(&r, "\"storage\"", "\"auth\": \"\"", NULL) == 1);
    fault_registry_stop(&r);
}

static void check_redirect_refused(const char *location, ErrKind kind, const char *part)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    Str script = str_fmt_in(&a,
                            "{\"faults\": [{\"do\": \"status\", \"status\": 302, \"times\": 0,"
                            " \"headers\": {\"Location\": \"%s\"}}]}",
                            location);
    FaultRegistry r = fault_registry_start(script.p);
    HttpAnswer answer;
    Err err;

    CHECK_ERR(get(c, fault_url(&r, &a, "/v2/"), &answer, &err), kind, part);
    fault_registry_stop(&r);
}

TEST(refuses_odd_redirects)
{
    check_redirect_refused("/v2/", ERR_HTTP, "more than 10 redirects");
    check_redirect_refused("file:///etc/passwd", ERR_FORMAT, "neither http");
}

TEST(a_redirected_post_becomes_a_get_but_307_keeps_it)
{
    const char *see_other = "{\"faults\": [{\"do\": \"status\", \"status\": 303, \"headers\": "
                            "{\"Location\": \"/v2/\"}}]}";
    const char *temporary = "{\"faults\": [{\"do\": \"status\", \"status\": 307, \"headers\": "
                            "{\"Location\": \"/v2/b/blobs/uploads/\"}}]}";
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r1 = fault_registry_start(see_other), r2 = fault_registry_start(temporary);
    HttpAnswer answer;
    Err err;

    CHECK_OK(http_do(c,
                     &(HttpRequest){.method = "POST",
                                    .url = fault_url(&r1, &a, "/v2/a/blobs/uploads/"),
                                    .body = S("x")},
                     &answer, &err));
    CHECK(answer.status == 200 && fault_count3(&r1, "GET", "\"/v2/\"", "\"length\": \"\"") == 1);
    http_answer_done(&answer);
    CHECK_OK(http_do(c,
                     &(HttpRequest){.method = "POST",
                                    .url = fault_url(&r2, &a, "/v2/a/blobs/uploads/"),
                                    .body = S("xyz")},
                     &answer, &err));
    CHECK(answer.status == 202 && fault_count3(&r2, "POST", "/v2/b/", "\"length\": \"3\"") == 1);
    CHECK(str_contains(answer.final_url, S("/v2/b/")));
    http_answer_done(&answer);
    fault_registry_stop(&r1);
    fault_registry_stop(&r2);
}

TEST(bounds_answers)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = fault_registry_start(
        "{\"repos\": {\"a\": {\"manifests\": {\"huge\": {\"huge\": 100000}}}}, \"faults\": ["
        "{\"path\": \"/err\", \"do\": \"status\", \"status\": 400, \"body\": \"0123456789\","
        " \"repeat\": 10000},"
        "{\"path\": \"/headers\", \"do\": \"status\", \"status\": 200, \"pad\": 270}]}");
    HttpAnswer answer;
    Err err;

    CHECK_ERR(get(c, fault_url(&r, &a, "/v2/a/manifests/huge"), &answer, &err), ERR_LIMIT,
              "larger than 65536 bytes");
    CHECK_OK(get(c, fault_url(&r, &a, "/err"), &answer, &err));
    CHECK(answer.status == 400 && answer.body.n == LIMIT_HTTP_ERROR_BODY);
    http_answer_done(&answer);
    CHECK_ERR(get(c, fault_url(&r, &a, "/headers"), &answer, &err), ERR_LIMIT,
              "headers are larger");
    CHECK_OK(http_do(c,
                     &(HttpRequest){.method = "GET",
                                    .url = fault_url(&r, &a, "/v2/a/manifests/huge"),
                                    .max_body = 200000},
                     &answer, &err));
    CHECK(answer.body.n == 100008);
    http_answer_done(&answer);
    fault_registry_stop(&r);
}

TEST(refuses_to_smuggle_headers)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    HttpHeader h = {S("X"), S("a\r\nAuthorization: b")};
    HttpAnswer answer;
    Err err;

    CHECK_ERR(http_do(c,
                      &(HttpRequest){.method = "GET",
                                     .url = "http://127.0.0.1:1/",
                                     .headers = &h,
                                     .n_headers = 1},
                      &answer, &err),
              ERR_FORMAT, "control character in request header X");
}

TEST(uses_a_proxy_in_capitals_but_not_for_loopback)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry proxy = fault_registry_start("{}"), direct = fault_registry_start("{}");
    HttpAnswer answer;
    Err err;

    CHECK(unsetenv("http_proxy") == 0 && unsetenv("no_proxy") == 0 && unsetenv("NO_PROXY") == 0);
    CHECK(setenv("HTTP_PROXY", fault_url(&proxy, &a, ""), 1) == 0);
    CHECK_OK(get(c, "http://registry.invalid/v2/", &answer, &err));
    CHECK(answer.status == 200 && fault_count(&proxy, "/v2/") == 1);
    http_answer_done(&answer);
    CHECK_OK(get(c, fault_url(&direct, &a, "/v2/"), &answer, &err));
    CHECK(answer.status == 200 && fault_count(&direct, "/v2/") == 1);
    http_answer_done(&answer);
    CHECK(setenv("NO_PROXY", ".invalid", 1) == 0);
    CHECK_ERR(get(c, "http://registry.invalid/v2/", &answer, &err), ERR_NET, "resolve");
    CHECK(unsetenv("HTTP_PROXY") == 0 && unsetenv("NO_PROXY") == 0);
    fault_registry_stop(&proxy);
    fault_registry_stop(&direct);
}

/* The flag of a signal cannot be taken back, so this happens in a child. */
static _Noreturn void child_cancelled(const char *url)
{
    HttpClient *c = quick_client();
    HttpAnswer answer;
    Err err;

    CHECK_OK(signals_install(&err));
    CHECK_OK(get(c, url, &answer, &err)); /* the connection is there and works */
    http_answer_done(&answer);
    CHECK(alarm(60) == 0);
    CHECK(raise(SIGTERM) == 0);
    CHECK_ERR(get(c, url, &answer, &err), ERR_CANCELLED, "SIGTERM");
    CHECK_ERR(http_pause(60000, NULL, &err), ERR_CANCELLED, "SIGTERM");
    http_client_free(c);
    exit(0);
}

TEST(stops_on_a_signal)
{
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = fault_registry_start("{}");
    const char *url = fault_url(&r, &a, "/v2/");
    int status;
    pid_t pid = fork();

    if (pid == 0)
        child_cancelled(url);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fault_registry_stop(&r);
}

TEST_MAIN(T(gets_and_reuses_the_connection), T(goes_where_it_has_been_without_looking_names_up),
          T(an_error_status_is_an_answer), T(tries_again_when_told_to_come_back),
          T(gives_the_last_answer_when_tries_are_used_up), T(repeats_a_post_only_when_allowed),
          T(a_hurried_call_has_few_tries), T(a_pause_ends_when_there_is_a_hurry),
          T(says_what_failed_without_the_query), T(keeps_authorization_from_other_hosts),
          T(refuses_odd_redirects), T(a_redirected_post_becomes_a_get_but_307_keeps_it),
          T(bounds_answers), T(refuses_to_smuggle_headers),
          T(uses_a_proxy_in_capitals_but_not_for_loopback), T(stops_on_a_signal))
