/* SPDX-License-Identifier: Apache-2.0 */
/* The whole protocol against the distribution project's own server, with passwords and with TLS. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "registry_test.h"

#define SIZE 3000000

typedef struct Live {
    Arena a;
    Temp *dir;
    pid_t pid;
    int port;
    Store *store;
    RegistryOpts opts;
    Registry *r;
} Live;

static int free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&sa, n) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&sa, &n) == 0);
    (void)close(fd);
    return ntohs(sa.sin_port);
}

static void write_file(Live *l, const char *name, Str text)
{
    Err err;

    CHECK_OK(file_write_atomic(AT_FDCWD, str_fmt_in(&l->a, "%s/%s", temp_path(l->dir), name).p,
                               0600, text, &err));
}

static pid_t run(Live *l, const char *const argv[])
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(temp_path(l->dir)) < 0 || !freopen("log", "a", stdout) ||
            dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
            _exit(126);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

/* The server answers anything at all, or has ended: then false (the port may have been taken). */
static bool wait_for_server(Live *l, const char *scheme)
{
    HttpClient *c = http_client_new(NULL);
    bool up = false;

    for (int i = 0; i < 600 && !up; i++) {
        HttpAnswer answer;
        Err err;

        up = http_do(c,
                     &(HttpRequest){
                         .method = "GET",
                         .url = str_fmt_in(&l->a, "%s://127.0.0.1:%d/v2/", scheme, l->port).p,
                         .tls = &(HttpTls){.skip_verify = true},
                         .no_retry = true},
                     &answer, &err) == 0;
        if (up)
            http_answer_done(&answer);
        else if (waitpid(l->pid, NULL, WNOHANG) == l->pid)
            break;
        else
            CHECK_OK(http_pause(50, NULL, &err));
    }
    http_client_free(c);
    return up;
}

static void start_server(Live *l, bool tls)
{
    static const char *const serve[] = {"docker-registry", "serve", "registry.yml", NULL};

    for (int tries = 0; tries < 5; tries++) {
        l->port = free_port();
        write_file(
            l, "registry.yml",
            str_fmt_in(&l->a,
                       "version: 0.1\n"
                       "log: {level: error}\n"
                       "storage: {filesystem: {rootdirectory: data}, delete: {enabled: true}}\n"
                       "auth: {htpasswd: {realm: live, path: htpasswd}}\n"
                       "http: {addr: \"127.0.0.1:%d\"%s}\n",
                       l->port, tls ? ", tls: {certificate: cert.pem, key: key.pem}" : ""));
        l->pid = run(l, serve);
        if (wait_for_server(l, tls ? "https" : "http"))
            return;
    }
    CHECK(!"docker-registry starts");
}

static void make_certificate(Live *l)
{
    static const char *const openssl[] = {"openssl",
                                          "req",
                                          "-x509",
                                          "-newkey",
                                          "ec",
                                          "-pkeyopt",
                                          "ec_paramgen_curve:prime256v1",
                                          "-nodes",
                                          "-days",
                                          "2",
                                          "-subj",
                                          "/CN=test",
                                          "-addext",
                                          "subjectAltName=IP:127.0.0.1",
                                          "-keyout",
                                          "key.pem",
                                          "-out",
                                          "cert.pem",
                                          NULL};
    int status;

    CHECK(waitpid(run(l, openssl), &status, 0) > 0 && status == 0);
}

static void live_start(Live *l, bool tls, const char *password)
{
    const char *tmp = getenv("TMPDIR");
    Err err;

    *l = (Live){0};
    CHECK_OK(temp_dir(tmp ? tmp : "/tmp", "kiln-test-live", &l->dir, &err));
    /* bcrypt of "wonderland" */
    write_file(l, "htpasswd",
               S("alice:$2y$04$0AXrhnMr4SE0Iw0qHC3A3uN34s0tEl6cCk.r5N8hN/DSwwaeYIr3q"));
    if (tls) {
        KeyValue kv;

        make_certificate(l);
        start_server(l, tls);
        kv = (KeyValue){str_fmt_in(&l->a, "127.0.0.1:%d", l->port),
                        str_fmt_in(&l->a, "%s/cert.pem", temp_path(l->dir))};
        vec_push(&l->opts.certificates, kv);
    } else {
        start_server(l, tls);
    }
    forget_credentials(temp_path(l->dir));
    CHECK(setenv("DOCKER_AUTH_CONFIG",
                 str_fmt_in(&l->a,
                            "{\"auths\": {\"127.0.0.1:%d\": {\"username\": \"alice\", "
                            "\"password\": \"%s\"}}}",
                            l->port, password)
                     .p,
                 1) == 0);
    CHECK_OK(store_open(str_fmt_in(&l->a, "%s/store", temp_path(l->dir)).p, &l->store, &err));
    CHECK_OK(registry_new(&l->opts, &l->r, &err));
}

static void live_end(Live *l)
{
    registry_free(l->r);
    store_free(l->store);
    (void)kill(l->pid, SIGKILL);
    (void)waitpid(l->pid, NULL, 0);
    vec_done(&l->opts.certificates);
    temp_free(l->dir);
    arena_done(&l->a);
}

static Reference live_ref(Live *l, const char *rest)
{
    Reference ref;
    Err err;

    CHECK_OK(
        reference_parse(&l->a, str_fmt_in(&l->a, "127.0.0.1:%d/%s", l->port, rest), &ref, &err));
    return ref;
}

static Descriptor put(Live *l, Str bytes)
{
    Digest ignored;
    Err err;

    CHECK_OK(store_put(l->store, bytes, &ignored, &err));
    return descriptor_of(bytes);
}

/* Push an image of one layer to "a/b:v1"; its manifest. */
static Str push_image(Live *l, const Descriptor *layer)
{
    Reference ref = live_ref(l, "a/b:v1");
    Str config_json = S("{\"architecture\":\"amd64\",\"os\":\"linux\"}");
    Descriptor config = put(l, config_json), layers[1] = {*layer};
    Manifest m = {.media_type = S(MEDIA_OCI_MANIFEST), .layers = layers, .n_layers = 1};
    cleanup_buf Buf json = BUF_INIT(BUF_SMALL);
    PushOutcome out;
    Digest digest;
    Err err;

    config.media_type = S(MEDIA_OCI_CONFIG);
    m.config = config;
    manifest_format(&m, &json);
    digest = digest_of(buf_str(&json));
    CHECK_OK(registry_push_blob(l->r, &ref, layer, S(""), l->store, NULL, &out, &err));
    CHECK(out == PUSH_UPLOADED);
    CHECK_OK(registry_push_blob(l->r, &ref, &config, S(""), l->store, NULL, &out, &err));
    CHECK_OK(registry_push_manifest(l->r, &ref, m.media_type, buf_str(&json), &digest, &err));
    CHECK_OK(registry_push_manifest(l->r, &ref, m.media_type, buf_str(&json), &digest, &err));
    return str_dup_in(&l->a, buf_str(&json));
}

static void check_pull(Live *l, const Descriptor *layer, Str manifest)
{
    Reference ref = live_ref(l, "a/b:v1");
    Platform amd64 = {S("linux"), S("amd64"), S(""), S("")};
    cleanup_buf Buf json = BUF_INIT(BUF_SMALL);
    cleanup_with(store_free_at) Store *fresh = NULL;
    Descriptor d;
    uint64_t size;
    Err err;

    CHECK_OK(store_open(str_fmt_in(&l->a, "%s/fresh", temp_path(l->dir)).p, &fresh, &err));
    CHECK_OK(registry_resolve(l->r, &ref, &amd64, &d, &json, &l->a, &err));
    CHECK_STR(buf_str(&json), manifest);
    CHECK_OK(registry_pull_blob(l->r, &ref, layer, fresh, NULL, &err));
    CHECK(store_has(fresh, &layer->digest, &size) && size == layer->size);
}

static void round_trip(bool tls)
{
    Live l;
    Reference other;
    Descriptor layer;
    PushOutcome out;
    Err err;

    live_start(&l, tls, "wonderland");
    layer = put(&l, pattern(&l.a, SIZE));
    check_pull(&l, &layer, push_image(&l, &layer));
    other = live_ref(&l, "other/place");
    CHECK_OK(registry_check_push(l.r, &other, &err));
    CHECK(registry_mount_blob(l.r, &other, &layer, S(""), &err) == 0);
    CHECK(registry_mount_blob(l.r, &other, &layer, S("not/there"), &err) == 0);
    CHECK_OK(registry_push_blob(l.r, &other, &layer, S("a/b"), l.store, NULL, &out, &err));
    CHECK(out == PUSH_MOUNTED);
    CHECK(registry_mount_blob(l.r, &other, &layer, S(""), &err) == 1);
    live_end(&l);
}

TEST(pushes_mounts_and_pulls)
{
    round_trip(false);
}

TEST(the_same_over_tls_with_a_private_root)
{
    round_trip(true);
}

TEST(a_wrong_password_says_so)
{
    Live l;
    Reference ref;
    Err err;

    live_start(&l, false, "looking-glass");
    ref = live_ref(&l, "a/b");
    CHECK_ERR(registry_check_push(l.r, &ref, &err), ERR_AUTH,
              "HTTP 401: UNAUTHORIZED: authentication required; credentials from "
              "DOCKER_AUTH_CONFIG were sent");
    CHECK(!strstr(err.msg, "looking-glass"));
    live_end(&l);
}

int main(void)
{
    static const TestCase cases[] = {T(pushes_mounts_and_pulls),
                                     T(the_same_over_tls_with_a_private_root),
                                     T(a_wrong_password_says_so)};

    if (system("command -v docker-registry >/dev/null") != 0) { /* NOLINT(cert-env33-c) */
        printf("skip: docker-registry is not installed\n");
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cases[i].run();
        printf("ok %s\n", cases[i].name);
        (void)fflush(stdout);
    }
    return 0;
}
