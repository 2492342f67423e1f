/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: anonymous, Basic, Bearer, and what is said when the answer is no. */
#include "registry_test.h"

#define REPO "'repos': {'team/app': {'manifests': {'v1': {'layers': [{'text': 'one'}]}}}}"

static int resolve(Bench *b)
{
    Descriptor d;
    Err err;
    int r = bench_resolve(b, "team/app:v1", &d, NULL, &err);

    if (r < 0)
        fprintf(stderr, "%s\n", err.msg);
    return r;
}

TEST(an_open_registry_is_asked_without_credentials)
{
    Bench b;

    bench_start(&b, "{" REPO "}");
    bench_open(&b, "\"username\": \"u\", \"password\": \"p\"");
    CHECK(resolve(&b) == 0);
    CHECK(fault_count(&b.server, "\"auth\": \"Basic\"") == 0);
    bench_end(&b);
}

TEST(basic)
{
    Bench b;

    bench_start(&b, "{'auth': {'mode': 'basic', 'users': {'u': 'p:w'}}, " REPO "}");
    bench_open(&b, "\"auth\": \"dTpwOnc=\"");
    CHECK(resolve(&b) == 0 && resolve(&b) == 0);
    CHECK(fault_count3(&b.server, "/manifests/", "\"user\": \"u\"", NULL) == 2);
    CHECK(fault_count(&b.server, "\"status\": 401") == 1); /* the first contact */
    CHECK(bench_pull(&b, "team/app", S("one"), &(Err){0}) == 0);
    bench_end(&b);
}

TEST(a_wrong_password_is_sent_once_and_named)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'basic', 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, "\"username\": \"u\", \"password\": \"wrong-secret\"");
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH,
              "/team/app: manifest v1: HTTP 401: UNAUTHORIZED: authentication required; "
              "credentials from DOCKER_AUTH_CONFIG were sent");
    CHECK(!strstr(err.msg, "wrong-secret") && err.http_status == 401);
    CHECK(fault_count(&b.server, "/manifests/") == 1);
    bench_end(&b);
}

/* Two candidates: the key with the path is tried first. */
static void bench_open_two(Bench *b, const char *first, const char *second)
{
    CHECK(setenv("DOCKER_AUTH_CONFIG",
                 str_fmt_in(&b->a,
                            "{\"auths\": {\"127.0.0.1:%d/team\": {%s}, \"127.0.0.1:%d\": {%s}}}",
                            b->server.port, first, b->server.port, second)
                     .p,
                 1) == 0);
    bench_open(b, NULL);
}

TEST(the_next_candidate_when_the_first_is_refused)
{
    static const char *const modes[] = {"basic", "bearer"};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Bench b;

        bench_start(
            &b,
            str_fmt_in(&a, "{'auth': {'mode': '%s', 'users': {'u': 'p'}}, " REPO "}", modes[i]).p);
        bench_open_two(&b, "\"username\": \"old\", \"password\": \"x\"", "\"auth\": \"dTpw\"");
        CHECK(resolve(&b) == 0 && resolve(&b) == 0);
        CHECK(fault_count3(&b.server, "/manifests/", "\"status\": 200", NULL) == 2);
        /* once is enough to know */
        CHECK(fault_count3(&b.server, "\"auth\": \"Basic\"", "\"status\": 401", NULL) == 1);
        bench_end(&b);
    }
}

TEST(who_may_not_is_followed_by_who_may)
{
    Bench b;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p', 'guest': 'g'}, 'rights': "
                    "{'guest': {'other': ['pull']}, 'u': {'team/app': ['pull']}}}, " REPO "}");
    bench_open_two(&b, "\"username\": \"guest\", \"password\": \"g\"", "\"auth\": \"dTpw\"");
    CHECK(resolve(&b) == 0);
    bench_end(&b);
}

TEST(all_refused_names_all)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'basic', 'users': {'u': 'p'}}, " REPO "}");
    bench_open_two(&b, "\"username\": \"a\", \"password\": \"x\"",
                   "\"username\": \"b\", \"password\": \"y\"");
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH,
              "credentials from DOCKER_AUTH_CONFIG, then from DOCKER_AUTH_CONFIG were sent");
    CHECK(fault_count(&b.server, "/manifests/") == 2);
    bench_end(&b);
}

TEST(no_credentials_is_said)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'basic', 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, NULL);
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH,
              "no credentials for 127.0.0.1:");
    bench_end(&b);
}

TEST(anonymous_bearer)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'anonymous': ['pull']}, " REPO "}");
    bench_open(&b, NULL);
    CHECK(resolve(&b) == 0 && resolve(&b) == 0);
    CHECK(bench_pull(&b, "team/app", S("one"), &err) == 0);
    CHECK(fault_count(&b.server, "/token") == 1); /* one scope, one token */
    CHECK(fault_count3(&b.server, "/token", "\"auth\": \"\"", NULL) == 1);
    CHECK(fault_count(&b.server, "\"status\": 401") == 1);
    CHECK_ERR(bench_resolve(&b, "team/app:none", &d, NULL, &err), ERR_NOT_FOUND,
              "MANIFEST_UNKNOWN: manifest unknown");
    bench_end(&b);
}

TEST(bearer_with_a_password)
{
    Bench b;
    Reference ref;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK(resolve(&b) == 0);
    ref = bench_ref(&b, "team/app");
    CHECK_OK(registry_check_push(b.r, &ref, &err));
    CHECK(fault_count3(&b.server, "/token", "\"auth\": \"Basic\"", "\"user\": \"u\"") == 2);
    CHECK(fault_count3(&b.server, "/token", "scope=repository%3Ateam%2Fapp%3Apull&", NULL) == 1);
    CHECK(fault_count3(&b.server, "/token", "app%3Apull%2Cpush&", NULL) == 1);
    CHECK(fault_count3(&b.server, "/v2/", "\"auth\": \"Basic\"", NULL) == 0);
    CHECK(fault_count3(&b.server, "DELETE", "/uploads/", "\"status\": 204") == 1);
    bench_end(&b);
}

TEST(the_token_endpoint_refuses)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, "\"username\": \"u\", \"password\": \"wrong-secret\"");
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH,
              "HTTP 401: UNAUTHORIZED: incorrect username or password; credentials from "
              "DOCKER_AUTH_CONFIG were sent");
    CHECK(!strstr(err.msg, "wrong-secret"));
    bench_end(&b);
}

/* Of callers that wait only one asks, and all tell what it was told; the next one asks again. */
TEST(a_token_endpoint_that_is_down_is_asked_by_one)
{
    Bench b;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'anonymous': ['pull']}, " REPO ", 'faults': ["
                    "{'path': '/token', 'do': 'status', 'status': 503, 'times': 2,"
                    "'headers': {'Retry-After': '2'}}]}");
    bench_open(&b, NULL);
    bench_all_fail(&b, "token endpoint 127.0.0.1");
    CHECK(fault_count(&b.server, "/token") == 2);
    CHECK(resolve(&b) == 0 && fault_count(&b.server, "/token") == 3);
    bench_end(&b);
}

TEST(an_identity_token_is_traded)
{
    Bench b;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'refresh': {'idt': 'u'}}, " REPO "}");
    bench_open(&b, "\"auth\": \"dTo=\", \"identitytoken\": \"idt\"");
    CHECK(resolve(&b) == 0);
    CHECK(fault_count3(&b.server, "POST", "/token", "\"user\": \"u\"") == 1);
    bench_end(&b);

    bench_start(&b,
                "{'auth': {'mode': 'bearer', 'refuse_post': true, 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, "\"auth\": \"dTpw\", \"identitytoken\": \"idt\"");
    CHECK(resolve(&b) == 0);
    CHECK(fault_count3(&b.server, "GET", "/token", "\"user\": \"u\"") == 1);
    bench_end(&b);
}

TEST(a_registry_token_is_used_as_it_is)
{
    Bench b;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'tokens': {'ready': 'u'}}, " REPO "}");
    bench_open(&b, "\"registrytoken\": \"ready\"");
    CHECK(resolve(&b) == 0);
    CHECK(fault_count(&b.server, "/token") == 0);
    bench_end(&b);
}

TEST(a_token_that_ran_out_is_renewed_once)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'anonymous': ['pull'], 'uses': 1}, " REPO "}");
    bench_open(&b, NULL);
    CHECK(resolve(&b) == 0 && resolve(&b) == 0);
    CHECK(fault_count(&b.server, "/token") == 2);
    bench_end(&b);

    bench_start(&b, "{'auth': {'mode': 'bearer', 'anonymous': ['pull'], 'uses': 0}, " REPO "}");
    bench_open(&b, NULL);
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH, "HTTP 401");
    CHECK(fault_count(&b.server, "/token") == 2 && fault_count(&b.server, "/manifests/") == 2);
    bench_end(&b);
}

TEST(short_lives_are_respected)
{
    Bench b;

    bench_start(&b,
                "{'auth': {'mode': 'bearer', 'anonymous': ['pull'], 'expires_in': 0}, " REPO "}");
    bench_open(&b, NULL);
    CHECK(resolve(&b) == 0 && resolve(&b) == 0);
    CHECK(fault_count(&b.server, "/token") == 2);
    bench_end(&b);
}

TEST(a_registry_that_asks_late)
{
    Bench b;

    /* the first contact does not say that credentials are wanted */
    bench_start(&b, "{'ping': false, 'auth': {'mode': 'basic', 'users': {'u': 'p'}}, " REPO "}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    CHECK(resolve(&b) == 0);
    CHECK(fault_count(&b.server, "/manifests/") == 2);
    CHECK(resolve(&b) == 0);
    CHECK(fault_count(&b.server, "/manifests/") == 3);
    bench_end(&b);
}

TEST(credentials_are_for_their_repository)
{
    Bench b;
    Arena *a = &b.a;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}}, " REPO "}");
    CHECK(setenv("DOCKER_AUTH_CONFIG",
                 str_fmt_in(a, "{\"auths\": {\"127.0.0.1:%d/other\": {\"auth\": \"dTpw\"}}}",
                            b.server.port)
                     .p,
                 1) == 0);
    bench_open(&b, NULL);
    CHECK_ERR(bench_resolve(&b, "team/app:v1", &d, NULL, &err), ERR_AUTH, "no credentials for");
    CHECK(fault_count(&b.server, "\"auth\": \"Basic\"") == 0);
    bench_end(&b);
}

TEST(may_we_push)
{
    Bench b;
    Reference ref;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'users': {'u': 'p'}, 'anonymous': ['pull']}}");
    bench_open(&b, NULL);
    ref = bench_ref(&b, "team/app");
    CHECK_ERR(registry_check_push(b.r, &ref, &err), ERR_AUTH, "may not push there (log in");
    bench_end(&b);

    bench_start(&b, "{'auth': {'mode': 'basic', 'users': {'u': 'p'}, 'rights': {'u': {}}}}");
    bench_open(&b, "\"auth\": \"dTpw\"");
    ref = bench_ref(&b, "team/app");
    CHECK_ERR(registry_check_push(b.r, &ref, &err), ERR_AUTH,
              "HTTP 403: DENIED: requested access to the resource is denied; credentials from");
    bench_end(&b);
}

TEST(odd_realms_are_refused)
{
    Bench b;
    Descriptor d;
    Err err;

    bench_start(&b, "{'auth': {'mode': 'bearer', 'realm': 'file:///etc/passwd'}}");
    bench_open(&b, NULL);
    CHECK_ERR(bench_resolve(&b, "x:y", &d, NULL, &err), ERR_AUTH, "no http URL");
    bench_end(&b);
}

TEST_MAIN(T(an_open_registry_is_asked_without_credentials), T(basic),
          T(a_wrong_password_is_sent_once_and_named),
          T(the_next_candidate_when_the_first_is_refused), T(who_may_not_is_followed_by_who_may),
          T(all_refused_names_all), T(no_credentials_is_said), T(anonymous_bearer),
          T(bearer_with_a_password), T(the_token_endpoint_refuses),
          T(a_token_endpoint_that_is_down_is_asked_by_one), T(an_identity_token_is_traded),
          T(a_registry_token_is_used_as_it_is), T(a_token_that_ran_out_is_renewed_once),
          T(short_lives_are_respected), T(a_registry_that_asks_late),
          T(credentials_are_for_their_repository), T(may_we_push), T(odd_realms_are_refused))
