/* SPDX-License-Identifier: Apache-2.0 */
/* Whom we trust: a server with a certificate of its own making, asked in every way. */
#include <fcntl.h>

#include "net_test.h"
#include "os/file.h"
#include "os/temp.h"

static char dir[4096]; /* cert.pem, key.pem */

static const char *file_in_dir(Arena *a, const char *name)
{
    return str_fmt_in(a, "%s/%s", dir, name).p;
}

static void make_certificate(void)
{
    cleanup_arena Arena a = ARENA_INIT;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
                     "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                     file_in_dir(&a, "key.pem"), "-out", file_in_dir(&a, "cert.pem"), (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/*
 * A root, another of the same name, an intermediate of the first, a rival of that name, and a server's
 * certificate of the intermediate. That spells its issuer in another way than the root does itself:
 * as OpenSSL compares names, it is the same.
 */
static void make_chain(void)
{
    static const char script[] =
        "set -e; cd \"$1\"\n"
        "ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
        "printf '[req]\\ndistinguished_name=d\\nstring_mask=utf8only\\n[d]\\n' >utf8.cnf\n"
        "printf '[req]\\ndistinguished_name=d\\nstring_mask=pkix\\n[d]\\n' >pkix.cnf\n"
        "printf 'basicConstraints=critical,CA:TRUE\\nauthorityKeyIdentifier=keyid\\n' >ca.ext\n"
        "printf 'subjectAltName=IP:127.0.0.1\\nauthorityKeyIdentifier=none\\n' >leaf.ext\n"
        "req() { openssl req -config utf8.cnf $ec -keyout $1.key -out $1.$2 -subj \"$3\" $4; }\n"
        "sign() { openssl x509 -req -in $1.csr -CA $2.pem -CAkey $3.key -CAcreateserial -days 2"
        " -extfile $4.ext -out $1.pem; }\n"
        "self='-x509 -days 2 -addext basicConstraints=CA:TRUE -addext subjectKeyIdentifier=hash'\n"
        "req root pem /O=Test/CN=Root \"$self\"; req other pem /O=Test/CN=Root \"$self\"\n"
        "req rival pem /CN=Inter \"$self\"\n"
        "openssl req -config pkix.cnf -x509 -new -key root.key -subj /O=TEST/CN=root"
        " -addext subjectKeyIdentifier=hash -out spelt.pem\n"
        "req inter csr /CN=Inter && sign inter spelt root ca\n"
        "req leaf csr /CN=leaf && sign leaf inter inter leaf\n"
        "cat leaf.pem inter.pem >chain.pem; cat other.pem root.pem >both.pem\n";
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)execlp("sh", "sh", "-c", script, "sh", dir, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static FaultRegistry start_tls(Arena *a)
{
    return fault_registry_start(str_fmt_in(a, "{\"tls\": {\"cert\": \"%s\", \"key\": \"%s\"}}",
                                           file_in_dir(a, "cert.pem"), file_in_dir(a, "key.pem"))
                                    .p);
}

static int get_tls(const FaultRegistry *r, const HttpTls *tls, Err *err)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_http_answer HttpAnswer answer = {0};

    for (int i = 0; i < 2; i++) {
        TRY(http_do(c,
                    &(HttpRequest){.method = "GET",
                                   .url = str_fmt_in(&a, "https://127.0.0.1:%d/v2/", r->port).p,
                                   .tls = tls},
                    &answer, err));
        CHECK(answer.status == 200);
        http_answer_done(&answer);
    }
    return 0;
}

TEST(refuses_an_unknown_certificate_at_once)
{
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = start_tls(&a);
    Err err;

    CHECK_ERR(get_tls(&r, NULL, &err), ERR_NET, "certificate");
    CHECK(!strstr(err.msg, "tries"));
    fault_registry_stop(&r);
}

TEST(takes_an_extra_root_or_none)
{
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = start_tls(&a);
    Err err;

    CHECK_OK(get_tls(&r, &(HttpTls){.ca_file = file_in_dir(&a, "cert.pem")}, &err));
    CHECK_OK(get_tls(&r, &(HttpTls){.skip_verify = true}, &err));
    CHECK(fault_count(&r, "\"conn\": 1,") == 2 && fault_count(&r, "\"conn\": 2,") == 2);
    CHECK_ERR(get_tls(&r, &(HttpTls){.ca_file = file_in_dir(&a, "absent")}, &err), ERR_NOT_FOUND,
              "absent");
    CHECK_ERR(get_tls(&r, &(HttpTls){.ca_file = file_in_dir(&a, "key.pem")}, &err), ERR_FORMAT,
              "no PEM certificate");
    fault_registry_stop(&r);
}

TEST(a_connection_is_kept_for_those_who_trust_it)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = start_tls(&a);
    HttpTls tls = {.ca_file = file_in_dir(&a, "cert.pem")};
    HttpRequest req = {.method = "GET",
                       .url = str_fmt_in(&a, "https://127.0.0.1:%d/v2/", r.port).p,
                       .tls = &tls};
    HttpAnswer answer;
    Err err;

    CHECK_OK(http_do(c, &req, &answer, &err));
    http_answer_done(&answer);
    req.tls = NULL;
    CHECK_ERR(http_do(c, &req, &answer, &err), ERR_NET, "certificate");
    fault_registry_stop(&r);
}

TEST(a_client_certificate_is_loaded_early)
{
    cleanup_with(http_client_free_at) HttpClient *c = quick_client();
    cleanup_arena Arena a = ARENA_INIT;
    HttpTls tls = {.client_cert = file_in_dir(&a, "cert.pem"),
                   .client_key = file_in_dir(&a, "absent")};
    Err err;

    CHECK_ERR(http_load_tls(c, &tls, &err), ERR_NOT_FOUND, "absent");
    tls.client_key = file_in_dir(&a, "key.pem");
    CHECK_OK(http_load_tls(c, &tls, &err));
}

TEST(reads_roots_from_the_environment)
{
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = start_tls(&a);
    Err err;

    CHECK(setenv("SSL_CERT_FILE", file_in_dir(&a, "cert.pem"), 1) == 0);
    CHECK_OK(get_tls(&r, NULL, &err));
    CHECK(setenv("SSL_CERT_FILE", file_in_dir(&a, "absent"), 1) == 0);
    CHECK_ERR(get_tls(&r, NULL, &err), ERR_NOT_FOUND, "CA certificates");
    CHECK(unsetenv("SSL_CERT_FILE") == 0);

    /* any file name will do, keys beside it are passed over */
    CHECK(setenv("SSL_CERT_DIR", str_fmt_in(&a, "/nonexistent:%s", dir).p, 1) == 0);
    CHECK_OK(get_tls(&r, NULL, &err));
    CHECK(unsetenv("SSL_CERT_DIR") == 0);

    http_set_default_ca(file_in_dir(&a, "cert.pem"));
    CHECK_OK(get_tls(&r, NULL, &err));
    http_set_default_ca(NULL);
    CHECK_ERR(get_tls(&r, NULL, &err), ERR_NET, "certificate");
    fault_registry_stop(&r);
}

TEST(of_many_roots_those_of_the_chain_are_found)
{
    static const struct {
        const char *roots;
        bool trusted;
    } chains[] = {{"root.pem", true}, {"other.pem", false}, {"both.pem", true}, {"inter.pem", true},
                  {"leaf.pem", true}, {"rival.pem", false}, {"cert.pem", false}};
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r;
    Err err;

    make_chain();
    r = fault_registry_start(str_fmt_in(&a, "{\"tls\": {\"cert\": \"%s\", \"key\": \"%s\"}}",
                                        file_in_dir(&a, "chain.pem"), file_in_dir(&a, "leaf.key"))
                                 .p);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        HttpTls tls = {.ca_file = file_in_dir(&a, chains[i].roots)};

        if (chains[i].trusted)
            CHECK_OK(get_tls(&r, &tls, &err));
        else
            CHECK_ERR(get_tls(&r, &tls, &err), ERR_NET, "certificate");
    }
    fault_registry_stop(&r);
}

TEST(a_certificate_that_is_none_is_passed_over)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL), whole = BUF_INIT(BUF_SMALL);
    FaultRegistry r = start_tls(&a);
    Err err;

    CHECK_OK(file_read(AT_FDCWD, file_in_dir(&a, "cert.pem"), &whole, &err));
    buf_add_z(&text, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
                     "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
                     "-----BEGIN CERTIFICATE-----\nMIIH\n-----END CERTIFICATE-----\n"
                     "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    CHECK_OK(file_write(AT_FDCWD, file_in_dir(&a, "broken.pem"), 0600, buf_str(&text), &err));
    CHECK_ERR(get_tls(&r, &(HttpTls){.ca_file = file_in_dir(&a, "broken.pem")}, &err), ERR_FORMAT,
              "no PEM certificate");
    buf_append(&text, whole.p, whole.n);
    CHECK_OK(file_write(AT_FDCWD, file_in_dir(&a, "broken.pem"), 0600, buf_str(&text), &err));
    CHECK_OK(get_tls(&r, &(HttpTls){.ca_file = file_in_dir(&a, "broken.pem")}, &err));
    fault_registry_stop(&r);
}

TEST(tls_to_a_plain_server_is_an_error)
{
    cleanup_arena Arena a = ARENA_INIT;
    FaultRegistry r = fault_registry_start("{}");
    Err err;

    CHECK_ERR(get_tls(&r, NULL, &err), ERR_NET, "(6 tries)");
    fault_registry_stop(&r);
}

int main(void)
{
    static const TestCase cases[] = {T(refuses_an_unknown_certificate_at_once),
                                     T(takes_an_extra_root_or_none),
                                     T(a_connection_is_kept_for_those_who_trust_it),
                                     T(a_client_certificate_is_loaded_early),
                                     T(reads_roots_from_the_environment),
                                     T(of_many_roots_those_of_the_chain_are_found),
                                     T(a_certificate_that_is_none_is_passed_over),
                                     T(tls_to_a_plain_server_is_an_error)};
    const char *tmp = getenv("TMPDIR");
    Temp *t;
    Err err;

    CHECK_OK(temp_dir(tmp ? tmp : "/tmp", "kiln-test-tls", &t, &err));
    (void)snprintf(dir, sizeof(dir), "%s", temp_path(t));
    make_certificate();
    CHECK(unsetenv("SSL_CERT_FILE") == 0 && unsetenv("SSL_CERT_DIR") == 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cases[i].run();
        printf("ok %s\n", cases[i].name);
        (void)fflush(stdout);
    }
    temp_free(t);
    return 0;
}
