/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/temp.h"
#include "registry/creds.h"
#include "test.h"

static char home[4096];

/* Nothing of whoever runs the tests may leak in. */
static void forget_everything(void)
{
    static const char *const names[] = {"DOCKER_AUTH_CONFIG", "DOCKER_CONFIG",
                                        "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR",
                                        "XDG_CONFIG_HOME",    "CI_REGISTRY",
                                        "CI_REGISTRY_USER",   "CI_REGISTRY_PASSWORD",
                                        "KANIKO_COM_USER",    "KANIKO_COM_PASSWORD"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(unsetenv(names[i]) == 0);
    CHECK(setenv("HOME", home, 1) == 0);
}

static CredStore *load(void)
{
    CredStore *c;
    Err err;

    CHECK_OK(creds_load(&c, &err));
    return c;
}

static CredStore *load_text(const char *config)
{
    CHECK(setenv("DOCKER_AUTH_CONFIG", config, 1) == 0);
    return load();
}

/* "user:password", "identity ...", "token ...", "none", "error KIND" */
static Str look(const CredStore *c, Arena *a, const char *registry, const char *repository)
{
    Credential got;
    Err err;
    int r = creds_find(c, str_from(registry), str_from(repository), &got, &err);

    if (r < 0)
        return str_fmt_in(a, "error %s", err.msg);
    if (r == 0)
        return S("none");
    if (got.registry_token.n)
        return str_fmt_in(a, "token " STR_FMT, STR_ARG(got.registry_token));
    if (got.identity_token.n)
        return str_fmt_in(a, "identity " STR_FMT, STR_ARG(got.identity_token));
    return str_fmt_in(a, STR_FMT ":" STR_FMT, STR_ARG(got.username), STR_ARG(got.password));
}

TEST(canonical_keys)
{
    cleanup_arena Arena a = ARENA_INIT;
    static const char *const pairs[][2] = {
        {"https://index.docker.io/v1/", "docker.io"},
        {"index.docker.io", "docker.io"},
        {"registry-1.docker.io", "docker.io"},
        {"docker.io/library", "docker.io/library"},
        {"HTTP://Reg.Example:5000/", "reg.example:5000"},
        {"https://reg/v2/", "reg"},
        {"reg/Team/App", "reg/Team/App"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        CHECK_STR(creds_canonical_key(&a, str_from(pairs[i][0])), str_from(pairs[i][1]));
}

TEST(every_kind_of_entry)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(creds_free_at) CredStore *c = load_text(
        "{\"auths\": {\"a\": {\"auth\": \"dTpwOnc=\"}, \"b\": {\"username\": \"x\", \"password\": "
        "\"y\"}, \"c\": {\"auth\": \"dTo=\", \"identitytoken\": \"idt\"}, \"d\": {\"registrytoken\": "
        "\"rt\"}, \"e\": {}, \"f\": {\"auth\": \"!!!\"}, \"g\": {\"auth\": \"dXNlcg==\"},"
        "\"h\": {\"auth\": \"dTpwAAA=\"}, \"i\": null}, \"HttpHeaders\": {}}");

    CHECK_STR(look(c, &a, "a", "r"), S("u:p:w"));
    CHECK_STR(look(c, &a, "b", "r"), S("x:y"));
    CHECK_STR(look(c, &a, "c", "r"), S("identity idt"));
    CHECK_STR(look(c, &a, "d", "r"), S("token rt"));
    CHECK_STR(look(c, &a, "e", "r"), S("none"));
    CHECK(str_contains(look(c, &a, "f", "r"), S("\"auth\" of f is not base64")));
    CHECK(str_contains(look(c, &a, "g", "r"), S("DOCKER_AUTH_CONFIG")));
    CHECK_STR(look(c, &a, "h", "r"), S("u:p"));
    CHECK_STR(look(c, &a, "i", "r"), S("none"));
    CHECK_STR(look(c, &a, "elsewhere", "r"), S("none"));
}

TEST(the_longest_path_wins_and_strangers_get_nothing)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(creds_free_at) CredStore *c =
        load_text("{\"auths\": {\"h:5000\": {\"auth\": \"aG9zdDox\"}, \"h:5000/team\": {\"auth\": "
                  "\"dGVhbTox\"}, \"https://h:5000/team/app\": {\"auth\": \"YXBwOjE=\"},"
                  "\"only/org-a\": {\"auth\": \"YTox\"}}}");

    CHECK_STR(look(c, &a, "h:5000", "team/app"), S("app:1"));
    CHECK_STR(look(c, &a, "h:5000", "team/app/sub"), S("app:1"));
    CHECK_STR(look(c, &a, "h:5000", "team/application"), S("team:1"));
    CHECK_STR(look(c, &a, "h:5000", "other"), S("host:1"));
    CHECK_STR(look(c, &a, "H:5000", "other"), S("host:1"));
    CHECK_STR(look(c, &a, "h", "team"), S("none"));
    CHECK_STR(look(c, &a, "only", "org-a/x"), S("a:1"));
    CHECK_STR(look(c, &a, "only", "org-b/x"), S("none"));
}

TEST(docker_hub_has_many_names)
{
    cleanup_arena Arena a = ARENA_INIT;
    static const char *const names[] = {"https://index.docker.io/v1/", "docker.io",
                                        "index.docker.io", "registry-1.docker.io"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_with(creds_free_at) CredStore *c =
            load_text(str_fmt_in(&a, "{\"auths\": {\"%s\": {\"auth\": \"dTpw\"}}}", names[i]).p);

        CHECK_STR(look(c, &a, "docker.io", "library/debian"), S("u:p"));
        CHECK_STR(look(c, &a, "index.docker.io", "library/debian"), S("u:p"));
    }
}

TEST(helpers_are_refused_only_where_nothing_else_helps)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(creds_free_at) CredStore *c = load_text(
        "{\"auths\": {\"here\": {\"auth\": \"dTpw\"}, \"stored\": {}}, \"credHelpers\": {\"here\": "
        "\"x\", \"gcr.io\": \"gcloud\"}, \"credsStore\": \"desktop\"}");

    CHECK_STR(look(c, &a, "here", "r"), S("u:p"));
    CHECK(str_contains(look(c, &a, "gcr.io", "p/r"),
                       S("docker-credential-gcloud is named for gcr.io; credential helpers are "
                         "not supported yet")));
    CHECK(str_contains(look(c, &a, "stored", "r"), S("docker-credential-desktop")));
    CHECK_STR(look(c, &a, "elsewhere", "r"), S("none"));
    CHECK(str_contains(creds_nothing_found(c, S("elsewhere"), &a),
                       S("no credentials for elsewhere in DOCKER_AUTH_CONFIG (its credsStore")));
}

static void write_config(const char *path, const char *user)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str whole = str_fmt_in(&a, "%s/%s", home, path), dir, base;
    Err err;

    CHECK(str_cut_last(whole, '/', &dir, &base));
    CHECK_OK(dir_make_all(AT_FDCWD, str_dup_in(&a, dir).p, 0700, &err));
    CHECK_OK(file_write_atomic(
        AT_FDCWD, whole.p, 0600,
        str_fmt_in(&a, "{\"auths\": {\"r\": {\"username\": \"%s\", \"password\": \"p\"}}}", user),
        &err));
}

static void check_user(const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(creds_free_at) CredStore *c = load();

    CHECK_STR(look(c, &a, "r", "x"), str_from(want));
}

TEST(files_in_their_order)
{
    cleanup_arena Arena a = ARENA_INIT;

    check_user("none");
    write_config(".config/containers/auth.json", "config-home");
    check_user("config-home:p");
    write_config("run/containers/auth.json", "runtime");
    CHECK(setenv("XDG_RUNTIME_DIR", str_fmt_in(&a, "%s/run", home).p, 1) == 0);
    check_user("runtime:p");
    write_config("named.json", "named");
    CHECK(setenv("REGISTRY_AUTH_FILE", str_fmt_in(&a, "%s/named.json", home).p, 1) == 0);
    check_user("named:p");
    write_config(".docker/config.json", "home");
    check_user("home:p");
    CHECK(setenv("DOCKER_CONFIG", str_fmt_in(&a, "%s/dc", home).p, 1) == 0);
    check_user("home:p"); /* not there: as if unset */
    write_config("dc/config.json", "docker-config");
    check_user("docker-config:p");
    CHECK(setenv("DOCKER_AUTH_CONFIG", "{\"auths\": {\"r\": {\"auth\": \"dTpw\"}}}", 1) == 0);
    check_user("u:p");
    CHECK(setenv("DOCKER_AUTH_CONFIG", "{\"auths\": {\"q\": {\"auth\": \"dTpw\"}}}", 1) == 0);
    check_user("docker-config:p");
}

TEST(broken_files_are_errors)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str file = str_fmt_in(&a, "%s/broken.json", home);
    CredStore *c;
    Err err;

    CHECK(setenv("REGISTRY_AUTH_FILE", file.p, 1) == 0);
    CHECK_OK(file_write_atomic(AT_FDCWD, file.p, 0600, S("{\"auths\":"), &err));
    CHECK_ERR(creds_load(&c, &err), ERR_FORMAT, "broken.json");
    CHECK_OK(file_write_atomic(AT_FDCWD, file.p, 0600, S("[]"), &err));
    CHECK_ERR(creds_load(&c, &err), ERR_FORMAT, "not a JSON object");
    CHECK_OK(file_write_atomic(AT_FDCWD, file.p, 0600, S(" \n"), &err));
    creds_free(load());
    CHECK(truncate(file.p, 5 << 20) == 0);
    CHECK_ERR(creds_load(&c, &err), ERR_LIMIT, "broken.json");
}

TEST(variables)
{
    cleanup_arena Arena a = ARENA_INIT;

    CHECK(setenv("KANIKO_COM_USER", "com", 1) == 0 && setenv("KANIKO_COM_PASSWORD", "1", 1) == 0);
    CHECK(setenv("KANIKO_MY_REG_EXAMPLE_COM_USER", "reg", 1) == 0);
    CHECK(setenv("KANIKO_MY_REG_EXAMPLE_COM_PASSWORD", "2", 1) == 0);
    CHECK(setenv("KILN_MY_REG_EXAMPLE_COM:5000_USER", "port", 1) == 0);
    CHECK(setenv("KILN_MY_REG_EXAMPLE_COM:5000_PASSWORD", "3", 1) == 0);
    CHECK(setenv("KANIKO_ORG_USER", "half", 1) == 0);
    CHECK(setenv("CI_REGISTRY", "https://Ci.Example.org", 1) == 0);
    CHECK(setenv("CI_REGISTRY_USER", "ci", 1) == 0);
    CHECK(setenv("CI_REGISTRY_PASSWORD", "4", 1) == 0);

    cleanup_with(creds_free_at) CredStore *c = load();

    CHECK_STR(look(c, &a, "my-reg.example.com", "x"), S("reg:2"));
    CHECK_STR(look(c, &a, "my-reg.example.com:5000", "x"), S("port:3"));
    CHECK_STR(look(c, &a, "other.com", "x"), S("com:1"));
    CHECK_STR(look(c, &a, "ci.example.org", "x"), S("ci:4"));
    CHECK_STR(look(c, &a, "example.org", "x"), S("none"));
    CHECK_STR(look(c, &a, "", "x"), S("none"));
    CHECK(unsetenv("KANIKO_MY_REG_EXAMPLE_COM_USER") == 0);
}

int main(void)
{
    static const TestCase cases[] = {T(canonical_keys),
                                     T(every_kind_of_entry),
                                     T(the_longest_path_wins_and_strangers_get_nothing),
                                     T(docker_hub_has_many_names),
                                     T(helpers_are_refused_only_where_nothing_else_helps),
                                     T(files_in_their_order),
                                     T(broken_files_are_errors),
                                     T(variables)};
    const char *tmp = getenv("TMPDIR");
    Temp *t;
    Err err;

    if (access("/kaniko/.docker/config.json", F_OK) == 0) {
        printf("skip: /kaniko/.docker/config.json is there and would be read\n");
        return 0;
    }
    CHECK_OK(temp_dir(tmp ? tmp : "/tmp", "kiln-test-creds", &t, &err));
    (void)snprintf(home, sizeof(home), "%s", temp_path(t));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        forget_everything();
        cases[i].run();
        printf("ok %s\n", cases[i].name);
        (void)fflush(stdout);
    }
    temp_free(t);
    return 0;
}
