/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential files become a list of entries with canonical keys, once; a look-up walks the list with
 * the repository's path and its parents. Nothing is matched by host alone when the key has a path:
 * a password for host/team-a must not be shown to whoever serves host/team-b's names.
 */
#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/vec.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "os/file.h"
#include "registry/creds_helper.h"
#include "registry/creds_source.h"

typedef struct CredEntry {
    Str key;    /* canonical */
    Str server; /* as written */
    Credential c;
    bool garbled; /* "auth" is not what it should be */
    bool empty;   /* {}: the secret is in the credential store */
} CredEntry;

typedef struct CredHelper {
    Str key;     /* canonical */
    Str server;  /* the key as written, for the program */
    Str program; /* docker-credential-... */
} CredHelper;

typedef struct CredFile {
    Str name;
    VEC(CredEntry) entries;
    VEC(CredHelper) helpers; /* credHelpers */
    Str store;               /* credsStore, or "" */
} CredFile;

typedef struct CredFiles {
    Arena arena;
    VEC(CredFile) files;
    CredHelpers *helpers;
} CredFiles;

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
    CredEntry e = {.key = creds_canonical_key(a, key), .server = str_dup_in(a, key)};
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

static void read_helpers(Arena *a, const Json *map, CredFile *f)
{
    JsonIter it = {0};
    Str program;

    while (json_next(map, &it)) {
        CredHelper h = {creds_canonical_key(a, it.key), str_dup_in(a, it.key), S("")};

        if (!json_get_text(it.value, &program))
            continue;
        h.program = str_dup_in(a, program);
        vec_push(&f->helpers, h);
    }
}

static int read_config(CredFiles *c, Str name, Str text, Err *err)
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
    read_helpers(&c->arena, json_find(json, "credHelpers"), &f);
    f.store = text_of(&c->arena, json, "credsStore");
    vec_push(&c->files, f);
    return 0;
}

/* 1 = it was there. */
static int read_file(CredFiles *c, Str path, Err *err)
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
static int read_below(CredFiles *c, const char *name, const char *tail, Err *err)
{
    const char *dir = variable(name);

    return dir ? read_file(c, str_fmt_in(&c->arena, "%s%s", dir, tail), err) : 0;
}

static int read_files(CredFiles *c, Err *err)
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

static void files_free(void *state)
{
    CredFiles *c = state;

    vec_foreach(f, &c->files) {
        vec_done(&f->entries);
        vec_done(&f->helpers);
    }
    vec_done(&c->files);
    cred_helpers_free(c->helpers);
    arena_done(&c->arena);
    free(c);
}

static int files_load(void **ret, Err *err)
{
    CredFiles *c = NEW(CredFiles);

    if (read_files(c, err) < 0) {
        files_free(c);
        return -1;
    }
    c->helpers = cred_helpers_new();
    *ret = c;
    return 0;
}

static void files_seal(void *state, bool sealed)
{
    CredFiles *c = state;

    cred_helpers_seal(c->helpers, sealed);
}

/* --- looking up --- */

/*
 * A walk over everything that may answer, which stops at the nth that does. Asking a program is
 * slow, so it is not asked before its turn.
 */
typedef struct Search {
    CredFiles *c;
    const CredFile *f;
    unsigned left; /* answers still to be passed by */
    Credential *ret;
} Search;

/* An answer: is it the one? 1 or 0. */
static int offer(Search *s, const Credential *c)
{
    if (s->left > 0) {
        s->left--;
        return 0;
    }
    *s->ret = *c;
    return 1;
}

/* One that should have answered and did not; it has its turn, too. */
static int offer_error(Search *s)
{
    if (s->left == 0)
        return -1;
    s->left--;
    return 0;
}

static int ask_helper(Search *s, Str program, Str server, Err *err)
{
    Credential c;
    int found = cred_helper_get(s->c->helpers, program, server, &c, err);

    if (found > 0)
        return offer(s, &c);
    if (found == 0)
        return 0;
    (void)err_wrap(err, STR_FMT, STR_ARG(s->f->name));
    return offer_error(s);
}

static int try_entry(Search *s, const CredEntry *e, Err *err)
{
    if (e->garbled) {
        (void)err_set(err, ERR_FORMAT,
                      STR_FMT ": \"auth\" of " STR_FMT " is not base64 of user:password",
                      STR_ARG(s->f->name), STR_ARG(e->key));
        return offer_error(s);
    }
    return offer(s, &e->c);
}

/* The name docker gives the Hub when it talks to a program. */
static Str server_name(Str host)
{
    return str_eq(host, S("docker.io")) ? S("https://index.docker.io/v1/") : host;
}

/* One key in one file: its program, the store, the entry. */
static int try_key(Search *s, Str key, bool is_host, Err *err)
{
    const CredFile *f = s->f;
    bool asked_store = false;
    int r = 0;

    for (const CredHelper *h = f->helpers.v; r == 0 && h < f->helpers.v + f->helpers.n; h++)
        if (str_eq(h->key, key))
            r = ask_helper(s, h->program, h->server, err);
    for (const CredEntry *e = f->entries.v; r == 0 && e < f->entries.v + f->entries.n; e++) {
        if (!str_eq(e->key, key))
            continue;
        if (!e->empty) {
            r = try_entry(s, e, err);
        } else if (f->store.n) {
            r = ask_helper(s, f->store, e->server, err);
            asked_store = true;
        }
    }
    if (r == 0 && is_host && f->store.n && !asked_store)
        r = ask_helper(s, f->store, server_name(key), err);
    return r;
}

static int try_file(Search *s, Str whole, Err *err)
{
    Str key = whole, parent, last;

    for (;;) {
        bool has_parent = str_cut_last(key, '/', &parent, &last);
        int r = try_key(s, key, !has_parent, err);

        if (r != 0 || !has_parent)
            return r;
        key = parent;
    }
}

static int files_find(void *state, const CredAsk *ask, unsigned nth, Credential *ret, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    CredFiles *c = state;
    Search s = {.c = c, .left = nth, .ret = ret};
    Str key = str_fmt_in(&a, STR_FMT "%s" STR_FMT, STR_ARG(ask->host), ask->repository.n ? "/" : "",
                         STR_ARG(ask->repository));
    int r = 0;

    for (s.f = c->files.v; r == 0 && s.f < c->files.v + c->files.n; s.f++)
        r = try_file(&s, key, err);
    return r;
}

static void files_describe(void *state, Buf *out)
{
    CredFiles *c = state;

    vec_foreach(f, &c->files)
        buf_addf(out, "%s" STR_FMT, f == c->files.v ? " in " : ", ", STR_ARG(f->name));
    if (c->files.n == 0)
        buf_add_z(out, ": there is no config.json");
}

const CredSource cred_source_files = {
    .load = files_load,
    .find = files_find,
    .describe = files_describe,
    .seal = files_seal,
    .free = files_free,
};
