/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential files become a list of entries with canonical keys, once; a look-up walks the list with
 * the repository's path and its parents. Nothing is matched by host alone when the key has a path:
 * a password for host/team-a must not be shown to whoever serves host/team-b's names.
 */
#include "registry/creds.h"

#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "os/file.h"
#include "registry/creds_env.h"

typedef struct CredEntry {
    Str key; /* canonical */
    Credential c;
    bool garbled; /* "auth" is not what it should be */
    bool empty;   /* {}: the secret is in the credential store */
} CredEntry;

typedef struct CredFile {
    Str name;
    VEC(CredEntry) entries;
    KeyValueVec helpers; /* canonical key -> program */
    Str store;           /* credsStore, or "" */
} CredFile;

struct CredStore {
    Arena arena;
    VEC(CredFile) files;
    KeyValueVec variables;
};

static bool is_hub_alias(Str host)
{
    return str_eq(host, S("index.docker.io")) || str_eq(host, S("registry-1.docker.io")) ||
           str_eq(host, S("registry.hub.docker.com"));
}

Str creds_canonical_key(Arena *a, Str key)
{
    Str host, path;

    if (key.n > 8 && str_eq_nocase(str_head(key, 8), S("https://")))
        key = str_skip(key, 8);
    else if (key.n > 7 && str_eq_nocase(str_head(key, 7), S("http://")))
        key = str_skip(key, 7);
    while (str_ends(key, S("/")))
        key.n--;
    if (!str_cut(key, '/', &host, &path)) {
        host = key;
        path = S("");
    }
    if (str_eq(path, S("v1")) || str_eq(path, S("v2")))
        path = S("");
    host = str_lower_in(a, host);
    if (is_hub_alias(host))
        host = S("docker.io");
    return str_fmt_in(a, STR_FMT "%s" STR_FMT, STR_ARG(host), path.n ? "/" : "", STR_ARG(path));
}

static Str text_of(Arena *a, const Json *entry, const char *name)
{
    Str s;

    return json_get_text(json_find(entry, name), &s) ? str_dup_in(a, s) : S("");
}

/* "auth" is base64 of "user:password"; some tools leave NULs behind. */
static bool decode_auth(Arena *a, Str auth, Credential *c)
{
    cleanup_buf Buf plain = BUF_INIT(LIMIT_AUTH_FILE);
    Str user, password;

    if (!base64_decode(BASE64_STANDARD, str_trim(auth), &plain) ||
        !str_cut(buf_str(&plain), ':', &user, &password))
        return false;
    while (password.n && password.p[password.n - 1] == '\0')
        password.n--;
    c->username = str_dup_in(a, user);
    c->password = str_dup_in(a, password);
    return true;
}

static CredEntry read_entry(Arena *a, Str key, const Json *json, Str source)
{
    CredEntry e = {.key = creds_canonical_key(a, key)};
    Str auth = text_of(a, json, "auth");

    e.c = (Credential){.username = text_of(a, json, "username"),
                       .password = text_of(a, json, "password"),
                       .identity_token = text_of(a, json, "identitytoken"),
                       .registry_token = text_of(a, json, "registrytoken"),
                       .source = source};
    if (auth.n)
        e.garbled = !decode_auth(a, auth, &e.c);
    e.empty = !auth.n && !e.c.username.n && !e.c.identity_token.n && !e.c.registry_token.n;
    return e;
}

static void read_helpers(Arena *a, const Json *map, KeyValueVec *ret)
{
    JsonIter it = {0};
    KeyValue kv;

    while (json_next(map, &it)) {
        if (!json_get_text(it.value, &kv.value))
            continue;
        kv.key = creds_canonical_key(a, it.key);
        kv.value = str_dup_in(a, kv.value);
        vec_push(ret, kv);
    }
}

static int read_config(CredStore *c, Str name, Str text, Err *err)
{
    cleanup_with(json_free_at) Json *json = NULL;
    CredFile f = {.name = str_dup_in(&c->arena, name), .store = S("")};
    JsonIter it = {0};

    if (str_trim(text).n == 0)
        return 0; /* an empty file mounted in: no credentials */
    TRY(json_parse(text, f.name.p, &json, err));
    if (json_type(json) != JSON_MAP)
        return err_set(err, ERR_FORMAT, STR_FMT ": not a JSON object", STR_ARG(name));
    while (json_next(json_find(json, "auths"), &it))
        vec_push(&f.entries, read_entry(&c->arena, it.key, it.value, f.name));
    read_helpers(&c->arena, json_find(json, "credHelpers"), &f.helpers);
    f.store = text_of(&c->arena, json, "credsStore");
    vec_push(&c->files, f);
    return 0;
}

/* 1 = it was there. */
static int read_file(CredStore *c, Str path, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_AUTH_FILE);

    if (file_read(AT_FDCWD, path.p, &text, err) < 0) {
        if (err->kind == ERR_NOT_FOUND || (err->kind == ERR_SYS && err->os_errno == ENOTDIR))
            return 0;
        return err_wrap(err, "credentials " STR_FMT, STR_ARG(path));
    }
    if (read_config(c, path, buf_str(&text), err) < 0)
        return err_wrap(err, "credentials");
    return 1;
}

static const char *variable(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

/* "DIR/TAIL" when the variable is set, read; 0 when not. */
static int read_below(CredStore *c, const char *name, const char *tail, Err *err)
{
    const char *dir = variable(name);

    return dir ? read_file(c, str_fmt_in(&c->arena, "%s%s", dir, tail), err) : 0;
}

static int read_files(CredStore *c, Err *err)
{
    const char *inline_config = variable("DOCKER_AUTH_CONFIG");
    int found;

    if (inline_config && read_config(c, S("DOCKER_AUTH_CONFIG"), str_from(inline_config), err) < 0)
        return err_wrap(err, "credentials");
    TRY(found = read_below(c, "DOCKER_CONFIG", "/config.json", err));
    if (found)
        return 0;
    TRY(read_below(c, "HOME", "/.docker/config.json", err));
    TRY(read_below(c, "REGISTRY_AUTH_FILE", "", err));
    TRY(read_below(c, "XDG_RUNTIME_DIR", "/containers/auth.json", err));
    if (variable("XDG_CONFIG_HOME"))
        TRY(read_below(c, "XDG_CONFIG_HOME", "/containers/auth.json", err));
    else
        TRY(read_below(c, "HOME", "/.config/containers/auth.json", err));
    TRY(read_file(c, S("/kaniko/.docker/config.json"), err));
    return 0;
}

int creds_load(CredStore **ret, Err *err)
{
    cleanup_with(creds_free_at) CredStore *c = NEW(CredStore);

    TRY(read_files(c, err));
    creds_env_load(&c->arena, &c->variables);
    *ret = steal_ptr(&c);
    return 0;
}

void creds_free(CredStore *c)
{
    if (!c)
        return;
    vec_foreach(f, &c->files) {
        vec_done(&f->entries);
        vec_done(&f->helpers);
    }
    vec_done(&c->files);
    vec_done(&c->variables);
    arena_done(&c->arena);
    free(c);
}

static int refuse_helper(const CredFile *f, Str key, Str program, Err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   STR_FMT ": docker-credential-" STR_FMT " is named for " STR_FMT
                           "; credential helpers are not supported yet",
                   STR_ARG(f->name), STR_ARG(program), STR_ARG(key));
}

/* One key in one file: 1, 0 or -1 as creds_find(). */
static int find_key(const CredFile *f, Str key, Credential *ret, Err *err)
{
    bool empty = false;

    vec_foreach(e, &f->entries) {
        if (!str_eq(e->key, key))
            continue;
        if (e->garbled)
            return err_set(err, ERR_FORMAT,
                           STR_FMT ": \"auth\" of " STR_FMT " is not base64 of user:password",
                           STR_ARG(f->name), STR_ARG(key));
        if (!e->empty) {
            *ret = e->c;
            return 1;
        }
        empty = true;
    }
    vec_foreach(h, &f->helpers)
        if (str_eq(h->key, key))
            return refuse_helper(f, key, h->value, err);
    if (empty && f->store.n)
        return refuse_helper(f, key, f->store, err);
    return 0;
}

static int find_in_file(const CredFile *f, Str whole, Credential *ret, Err *err)
{
    Str key = whole, parent, last;

    for (;;) {
        int r = find_key(f, key, ret, err);

        if (r != 0)
            return r;
        if (!str_cut_last(key, '/', &parent, &last))
            return 0;
        key = parent;
    }
}

int creds_find(const CredStore *c, Str registry, Str repository, Credential *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str host = creds_canonical_key(&a, registry);
    Str key = str_fmt_in(&a, STR_FMT "/" STR_FMT, STR_ARG(host), STR_ARG(repository));
    Err helper = {0};

    /* A helper named in one file does not hide a password in the next. */
    vec_foreach(f, &c->files) {
        int r = find_in_file(f, key, ret, err);

        if (r > 0 || (r < 0 && err->kind != ERR_UNSUPPORTED))
            return r;
        if (r < 0 && helper.kind == ERR_NONE)
            helper = *err;
    }
    if (creds_env_find(&c->variables, host, ret))
        return 1;
    if (helper.kind == ERR_NONE)
        return 0;
    *err = helper;
    return -1;
}

Str creds_nothing_found(const CredStore *c, Str registry, Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Str store = S("");

    buf_addf(&text, "no credentials for " STR_FMT, STR_ARG(registry));
    vec_foreach(f, &c->files) {
        buf_addf(&text, "%s" STR_FMT, f == c->files.v ? " in " : ", ", STR_ARG(f->name));
        store = f->store.n ? f->store : store;
    }
    if (c->files.n == 0)
        buf_add_z(&text, ": there is no config.json");
    if (store.n)
        buf_addf(&text, " (its credsStore " STR_FMT " is not supported yet)", STR_ARG(store));
    return str_dup_in(a, buf_str(&text));
}
