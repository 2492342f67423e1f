/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/temp.h"
#include "registry/creds_source.h"
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

    CHECK_OK(creds_load(NULL, &c, &err));
    return c;
}

static CredStore *load_text(const char *config)
{
    CHECK(setenv("DOCKER_AUTH_CONFIG", config, 1) == 0);
    return load();
}

/* "user:password", "identity ...", "token ...", "none", "error KIND" */
static Str look_nth(const CredStore *c, Arena *a, const char *registry, const char *repository,
                    unsigned nth)
{
    Credential got;
    Err err;
    int r = creds_find(c, str_from(registry), str_from(repository), nth, &got, &err);

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

static Str look(const CredStore *c, Arena *a, const char *registry, const char *repository)
{
    return look_nth(c, a, registry, repository, 0);
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

/* docker-credential-NAME in a directory of PATH. */
static void write_program(const char *name, const char *script)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str dir = str_fmt_in(&a, "%s/bin", home);
    Err err;

    CHECK_OK(dir_make_all(AT_FDCWD, dir.p, 0700, &err));
    CHECK_OK(
        file_write_atomic(AT_FDCWD,
                          str_fmt_in(&a, STR_FMT "/docker-credential-%s", STR_ARG(dir), name).p,
                          0700, str_fmt_in(&a, "#!/bin/sh\n%s\n", script), &err));
}

static void write_programs(void)
{
    cleanup_arena Arena a = ARENA_INIT;

    /* says whom it was asked for, and notes that it ran */
    write_program("echo",
                  "read -r server; echo run >>\"$HOME/runs\"; [ \"$1\" = get ] || exit 9\n"
                  "echo \"{\\\"ServerURL\\\": \\\"x\\\", \\\"Username\\\": \\\"$server\\\", "
                  "\\\"Secret\\\": \\\"s\\\"}\"");
    write_program("token", "echo '{\"Username\": \"<token>\", \"Secret\": \"idt\"}'");
    write_program("unknown", "echo credentials not found in native keychain; exit 1");
    write_program("broken", "echo no such luck; echo hunter2 >&2; exit 3");
    write_program("odd", "echo '{}'");
    write_program("deaf", "exec <&-; echo '{\"Username\": \"u\", \"Secret\": \"p\"}'");
    CHECK(setenv("PATH", str_fmt_in(&a, "%s/bin:/usr/bin:/bin", home).p, 1) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as kiln does: a program need not read */
}

static size_t runs(void)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_arena Arena a = ARENA_INIT;
    Err err;

    if (file_read(AT_FDCWD, str_fmt_in(&a, "%s/runs", home).p, &text, &err) < 0)
        return 0;
    return text.n / strlen("run\n");
}

TEST(helpers)
{
    cleanup_arena Arena a = ARENA_INIT;

    write_programs();
    cleanup_with(creds_free_at) CredStore *c = load_text(
        "{\"auths\": {\"stored\": {}}, \"credsStore\": \"unknown\", \"credHelpers\": {"
        "\"https://e:5000/team\": \"echo\", \"t\": \"token\", \"b\": \"broken\", \"o\": \"odd\","
        "\"d\": \"deaf\", \"m\": \"missing\", \"x\": \"../echo\"}}");

    CHECK_STR(look(c, &a, "e:5000", "team/app"), S("https://e:5000/team:s"));
    CHECK_STR(look(c, &a, "e:5000", "other"), S("none"));
    CHECK_STR(look(c, &a, "t", "r"), S("identity idt"));
    CHECK_STR(look(c, &a, "d", "r"), S("u:p"));
    CHECK_STR(look(c, &a, "stored", "r"), S("none"));
    CHECK_STR(look(c, &a, "b", "r"),
              S("error DOCKER_AUTH_CONFIG: docker-credential-broken for b: exit status 3: no such "
                "luck"));
    CHECK(str_contains(look(c, &a, "o", "r"), S("no Username and Secret")));
    CHECK(str_contains(look(c, &a, "m", "r"), S("docker-credential-missing is not installed")));
    CHECK(str_contains(look(c, &a, "x", "r"), S("no name of a program")));
}

TEST(helpers_run_once_and_not_behind_a_seal)
{
    cleanup_arena Arena a = ARENA_INIT;
    size_t before;

    write_programs();
    before = runs();
    cleanup_with(creds_free_at) CredStore *c =
        load_text("{\"credsStore\": \"echo\", \"auths\": {\"index.docker.io\": {}}}");

    CHECK_STR(look(c, &a, "one", "r"), S("one:s"));
    CHECK_STR(look(c, &a, "one", "other"), S("one:s"));
    CHECK(runs() == before + 1);
    creds_seal(c, true);
    CHECK_STR(look(c, &a, "one", "r"), S("one:s"));
    CHECK(str_contains(look(c, &a, "two", "r"), S("cannot be run while a RUN step")));
    CHECK(runs() == before + 1);
    creds_seal(c, false);
    CHECK_STR(look(c, &a, "docker.io", "library/x"), S("index.docker.io:s"));
}

TEST(candidates_in_their_order)
{
    cleanup_arena Arena a = ARENA_INIT;

    write_programs();
    CHECK(setenv("CI_REGISTRY", "h", 1) == 0 && setenv("CI_REGISTRY_USER", "ci", 1) == 0 &&
          setenv("CI_REGISTRY_PASSWORD", "3", 1) == 0);
    cleanup_with(creds_free_at) CredStore *c = load_text(
        "{\"auths\": {\"h/team\": {\"auth\": \"dTpw\"}, \"h\": {\"username\": \"v\", \"password\": \"q\"},"
        "\"https://h\": {\"auth\": \"dTpw\"}, \"g\": {\"auth\": \"!\"}},"
        "\"credHelpers\": {\"h/team\": \"missing\", \"h\": \"echo\"}}");

    CHECK_STR(look_nth(c, &a, "h", "team/x", 0), S("u:p"));
    CHECK_STR(look_nth(c, &a, "h", "team/x", 1), S("h:s"));
    CHECK_STR(look_nth(c, &a, "h", "team/x", 2), S("v:q"));
    CHECK_STR(look_nth(c, &a, "h", "team/x", 3), S("ci:3")); /* u:p has been tried */
    CHECK_STR(look_nth(c, &a, "h", "team/x", 4), S("none"));
    CHECK(str_contains(look_nth(c, &a, "g", "r", 0), S("not base64")));
}

TEST(chosen_sources)
{
    cleanup_arena Arena a = ARENA_INIT;
    StrVec only = {0};
    CredStore *c;
    Err err;

    CHECK(setenv("KILN_H_USER", "env", 1) == 0 && setenv("KILN_H_PASSWORD", "1", 1) == 0);
    CHECK(setenv("CI_REGISTRY", "h", 1) == 0 && setenv("CI_REGISTRY_USER", "ci", 1) == 0 &&
          setenv("CI_REGISTRY_PASSWORD", "2", 1) == 0);
    CHECK_OK(creds_load(&only, &c, &err));
    CHECK_STR(look(c, &a, "h", "r"), S("none"));
    creds_free(c);
    vec_push(&only, S("gitlab"));
    CHECK_OK(creds_load(&only, &c, &err));
    CHECK_STR(look(c, &a, "h", "r"), S("ci:2"));
    creds_free(c);
    vec_done(&only);
    CHECK(creds_source_known(S("env")) && !creds_source_known(S("en")));
    CHECK(unsetenv("KILN_H_USER") == 0);
}

TEST(hosts_below_a_domain)
{
    CHECK(cred_host_is_below(S("gcr.io"), S("gcr.io")));
    CHECK(cred_host_is_below(S("eu.gcr.io:443"), S("gcr.io")));
    CHECK(!cred_host_is_below(S("xgcr.io"), S("gcr.io")));
    CHECK(!cred_host_is_below(S("gcr.io.example"), S("gcr.io")));
    CHECK(!cred_host_is_below(S("io"), S("gcr.io")));
    CHECK(!cred_host_is_below(S(""), S("gcr.io")));
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
    CHECK_ERR(creds_load(NULL, &c, &err), ERR_FORMAT, "broken.json");
    CHECK_OK(file_write_atomic(AT_FDCWD, file.p, 0600, S("[]"), &err));
    CHECK_ERR(creds_load(NULL, &c, &err), ERR_FORMAT, "not a JSON object");
    CHECK_OK(file_write_atomic(AT_FDCWD, file.p, 0600, S(" \n"), &err));
    creds_free(load());
    CHECK(truncate(file.p, 5 << 20) == 0);
    CHECK_ERR(creds_load(NULL, &c, &err), ERR_LIMIT, "broken.json");
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
                                     T(helpers),
                                     T(helpers_run_once_and_not_behind_a_seal),
                                     T(candidates_in_their_order),
                                     T(chosen_sources),
                                     T(hosts_below_a_domain),
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
    CHECK(signal(SIGPIPE, SIG_IGN) !=
          SIG_ERR); /* as in kiln: a helper need not read what it is told */
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
