/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiln login and logout: entries of docker's config.json, where every builder looks for them. The
 * file is replaced whole, keeps what else is in it, and is its owner's only. Where it names a
 * credential helper for the registry, that is told instead.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "cli/command.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/program.h"
#include "os/temp.h"
#include "registry/creds.h"

enum {
    HELPER_TIMEOUT_S = 60
};

static const char login_usage[] =
    "Usage: kiln login -u NAME --password-stdin [REGISTRY] [OPTIONS]\n"
    "\n"
    "Write credentials to $DOCKER_CONFIG/config.json or ~/.docker/config.json (mode 0600), or tell\n"
    "them to the credential helper that it names. The registry (default: Docker Hub) is not asked.\n"
    "\n";

static const char logout_usage[] = "Usage: kiln logout [REGISTRY] [OPTIONS]\n"
                                   "\n"
                                   "Remove what kiln login wrote.\n"
                                   "\n";

typedef struct Login {
    const Settings *s;
    Arena arena;
    Str key;          /* in "auths" */
    const char *path; /* of the file, links followed */
    Json *config;
} Login;

static void login_done(Login *l)
{
    json_free(l->config);
    arena_done(&l->arena);
}

/* Kubernetes mounts a file by way of symlinks: what they lead to is what must be replaced. */
static int find_file(Login *l, Err *err)
{
    const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    cleanup_free char *real = NULL;

    if (dir && *dir)
        l->path = str_fmt_in(&l->arena, "%s/config.json", dir).p;
    else if (home && *home)
        l->path = str_fmt_in(&l->arena, "%s/.docker/config.json", home).p;
    else
        return err_set(err, ERR_USAGE, "where to? Neither HOME nor DOCKER_CONFIG is set");
    real = realpath(l->path, NULL);
    if (real)
        l->path = str_dup_in(&l->arena, str_from(real)).p;
    return 0;
}

static int read_file(Login *l, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_AUTH_FILE);

    TRY(find_file(l, err));
    if (file_read(AT_FDCWD, l->path, &text, err) < 0 && err->kind != ERR_NOT_FOUND)
        return err_wrap(err, "%s", l->path);
    if (str_trim(buf_str(&text)).n == 0) {
        l->config = json_new_map();
        return 0;
    }
    TRY(json_parse(buf_str(&text), l->path, &l->config, err));
    if (json_type(l->config) != JSON_MAP)
        return err_set(err, ERR_FORMAT, "%s: not a JSON object", l->path);
    return 0;
}

static int write_file(Login *l, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_AUTH_FILE);
    Str dir = path_dir(str_from(l->path));

    json_format(l->config, 2, &text);
    buf_add_z(&text, "\n");
    TRY(buf_check(&text, l->path, err));
    if (dir.n)
        TRY(dir_make_all(AT_FDCWD, str_dup_in(&l->arena, dir).p, 0700, err));
    return file_write_atomic(AT_FDCWD, l->path, 0600, buf_str(&text), err);
}

/* Every name of the registry there is an entry under. */
static StrVec same_keys(Login *l, const Json *map)
{
    Str want = creds_canonical_key(&l->arena, l->key);
    StrVec keys = {0};
    JsonIter it = {0};

    while (json_next(map, &it))
        if (str_eq(creds_canonical_key(&l->arena, it.key), want))
            vec_push(&keys, str_dup_in(&l->arena, it.key));
    return keys;
}

/* The program that keeps this registry's secrets, or "". */
static Str find_helper(Login *l)
{
    const Json *helpers = json_find(l->config, "credHelpers");
    StrVec keys = same_keys(l, helpers);
    Str name = S("");

    if (keys.n)
        (void)json_get_text(json_find(helpers, keys.v[0].p), &name);
    else
        (void)json_get_text(json_find(l->config, "credsStore"), &name);
    vec_done(&keys);
    return name;
}

static int tell_helper(Login *l, Str name, const char *verb, Str text, Err *err)
{
    const char *program = str_fmt_in(&l->arena, "docker-credential-" STR_FMT, STR_ARG(name)).p;
    const char *argv[] = {program, verb, NULL};
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    int status;

    TRY(program_run(argv, text, HELPER_TIMEOUT_S, &out, &status, err));
    if (status != 0)
        return err_set(err, ERR_AUTH, "%s %s failed with status %d", program, verb, status);
    log_line(LOG_INFO, "%s has been told", program);
    return 0;
}

/* --- in --- */

/* From standard input: without the line end. */
static int read_password(const Settings *s, Buf *ret, Err *err)
{
    if ((s->password != NULL) == s->password_stdin)
        return err_set(err, ERR_USAGE, "want one of --password-stdin and --password");
    if (s->password) {
        buf_add_z(ret, s->password);
    } else {
        FdReader in = fd_reader(STDIN_FILENO);

        TRY(reader_read_all(&in.r, ret, "the password", err));
        if (ret->n && ret->p[ret->n - 1] == '\n')
            buf_truncate(ret, ret->n - 1);
        if (ret->n && ret->p[ret->n - 1] == '\r')
            buf_truncate(ret, ret->n - 1);
    }
    if (ret->n == 0)
        return err_set(err, ERR_USAGE, "the password is empty");
    return 0;
}

static Json *find_auths(Login *l)
{
    if (json_type(json_find(l->config, "auths")) != JSON_MAP)
        json_set(l->config, "auths", json_new_map());
    return json_find(l->config, "auths");
}

static void set_entry(Login *l, Str auth)
{
    Json *auths = find_auths(l), *entry = json_new_map();
    StrVec old = same_keys(l, auths);

    vec_foreach(k, &old)
        json_remove(auths, k->p);
    vec_done(&old);
    if (auth.n)
        json_set_text(entry, "auth", auth);
    json_set(auths, l->key.p, entry);
}

static int store_password(Login *l, Str password, Err *err)
{
    cleanup_buf Buf plain = BUF_INIT(BUF_SMALL), auth = BUF_INIT(BUF_SMALL);
    Str helper = find_helper(l);

    if (helper.n) {
        cleanup_with(json_free_at) Json *told = json_new_map();

        json_set_text(told, "ServerURL", l->key);
        json_set_text(told, "Username", str_from(l->s->username));
        json_set_text(told, "Secret", password);
        json_format(told, 0, &plain);
        TRY(tell_helper(l, helper, "store", buf_str(&plain), err));
        set_entry(l, S(""));
        return write_file(l, err);
    }
    buf_addf(&plain, "%s:", l->s->username);
    buf_add(&plain, password);
    TRY(buf_check(&plain, "the password", err));
    base64_encode(BASE64_STANDARD, buf_str(&plain), &auth);
    set_entry(l, buf_str(&auth));
    TRY(write_file(l, err));
    log_line(LOG_INFO, "written to %s", l->path);
    return 0;
}

/* The Hub's entry has a name of its own; others go by their host. */
static int set_key(Login *l, Err *err)
{
    const StrVec *words = &l->s->positional;
    Str key;

    if (words->n > 1)
        return err_set(err, ERR_USAGE, "unexpected argument \"" STR_FMT "\": there is one registry",
                       STR_ARG(words->v[1]));
    key = creds_canonical_key(&l->arena, words->n ? words->v[0] : S("docker.io"));
    if (key.n == 0)
        return err_set(err, ERR_USAGE, "the registry's name is empty");
    l->key = str_eq(key, S("docker.io")) ? S("https://index.docker.io/v1/") : key;
    return 0;
}

static int login(Login *l, Err *err)
{
    cleanup_buf Buf password = BUF_INIT(BUF_SMALL);
    const char *user = l->s->username;
    int rc;

    TRY(set_key(l, err));
    if (!user || !*user)
        return err_set(err, ERR_USAGE, "who are you? --username NAME");
    if (strchr(user, ':'))
        return err_set(err, ERR_USAGE, "--username: there is a ':' in it");
    TRY(read_password(l->s, &password, err));
    TRY(read_file(l, err));
    rc = store_password(l, buf_str(&password), err);
    explicit_bzero(password.p, password.n);
    return rc;
}

/* --- out --- */

static int logout(Login *l, Err *err)
{
    bool found;
    Str helper;
    StrVec keys;

    TRY(set_key(l, err));
    TRY(read_file(l, err));
    helper = find_helper(l);
    if (helper.n)
        TRY(tell_helper(l, helper, "erase", l->key, err));
    keys = same_keys(l, json_find(l->config, "auths"));
    vec_foreach(k, &keys)
        json_remove(find_auths(l), k->p);
    found = keys.n > 0;
    if (!found && helper.n == 0)
        log_line(LOG_INFO, "there is nothing for " STR_FMT " in %s", STR_ARG(l->key), l->path);
    vec_done(&keys);
    return found ? write_file(l, err) : 0;
}

static int run(const Settings *s, int (*what)(Login *, Err *), Err *err)
{
    cleanup_with(login_done) Login l = {.s = s};

    return what(&l, err);
}

static int run_login(const Settings *s, Err *err)
{
    return run(s, login, err);
}

static int run_logout(const Settings *s, Err *err)
{
    return run(s, logout, err);
}

int login_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_LOGIN, login_usage, run_login};

    return command_main(&line, argc, argv);
}

int logout_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_LOGOUT, logout_usage, run_logout};

    return command_main(&line, argc, argv);
}
