/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secrets.h"

#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "os/file.h"

typedef struct SecretSpec {
    Str id, file, env, type;
} SecretSpec;

static int read_field(Str field, SecretSpec *s, Err *err)
{
    Str key, value;

    if (!str_cut(field, '=', &key, &value))
        return err_set(err, ERR_USAGE, "invalid field '" STR_FMT "' must be a key=value pair",
                       STR_ARG(field));
    if (str_eq_nocase(key, S("id")))
        s->id = value;
    else if (str_eq_nocase(key, S("src")) || str_eq_nocase(key, S("source")))
        s->file = value;
    else if (str_eq_nocase(key, S("env")))
        s->env = value;
    else if (str_eq_nocase(key, S("type")))
        s->type = value;
    else
        return err_set(err, ERR_USAGE, "unexpected key '" STR_FMT "' (id, src, env, type)",
                       STR_ARG(key));
    return 0;
}

static int read_spec(Str text, SecretSpec *ret, Err *err)
{
    SecretSpec s = {0};

    for (Str rest = text, field; str_next(&rest, ',', &field);)
        TRY(read_field(field, &s, err));
    if (s.id.n == 0)
        return err_set(err, ERR_USAGE, "id=NAME is missing");
    if (s.type.n && !str_eq(s.type, S("file")) && !str_eq(s.type, S("env")))
        return err_set(err, ERR_USAGE, "unsupported secret type \"" STR_FMT "\" (file, env)",
                       STR_ARG(s.type));
    if (s.env.n && s.file.n)
        return err_set(err, ERR_USAGE, "a secret has one source: src or env");
    if (str_eq(s.type, S("env")) && s.env.n == 0) {
        s.env = s.file.n ? s.file : s.id;
        s.file = S("");
    }
    *ret = s;
    return 0;
}

/* A value of our own, because what it is read from is not wiped. */
static void add_secret(BuildRequest *to, Str id, Str value)
{
    Secret s = {id, {str_dup(value), value.n}};

    vec_push(&to->secrets, s);
}

static int add_file(BuildRequest *to, Str id, Str path, Err *err)
{
    cleanup_free char *z = str_dup(path);
    cleanup_buf Buf text = BUF_INIT(LIMIT_SECRET);
    int rc = file_read(AT_FDCWD, z, &text, err);

    if (rc == 0)
        add_secret(to, id, buf_str(&text));
    if (text.n)
        explicit_bzero(text.p, text.n);
    return rc;
}

static int add_from(BuildRequest *to, const SecretSpec *s, Err *err)
{
    cleanup_free char *name = str_dup(s->env.n ? s->env : s->id);
    const char *value = str_eq(s->type, S("file")) ? NULL : getenv(name);

    if (s->file.n)
        return add_file(to, s->id, s->file, err);
    if (s->env.n && !value) {
        log_line(LOG_WARN,
                 "--secret id=" STR_FMT ": the environment has no %s; the build goes on without it",
                 STR_ARG(s->id), name);
        return 0;
    }
    if (!value)
        return add_file(to, s->id, s->id, err);
    if (strlen(value) > LIMIT_SECRET)
        return err_set(err, ERR_LIMIT, "the value is larger than %zu bytes", LIMIT_SECRET);
    add_secret(to, s->id, str_from(value));
    return 0;
}

static bool is_known(const BuildRequest *r, Str id)
{
    vec_foreach(s, &r->secrets)
        if (str_eq(s->id, id))
            return true;
    return false;
}

int secrets_read(const StrVec *specs, BuildRequest *to, Err *err)
{
    vec_foreach(text, specs) {
        SecretSpec s;

        if (read_spec(*text, &s, err) < 0)
            return err_wrap(err, "--secret " STR_FMT, STR_ARG(*text));
        if (is_known(to, s.id))
            return err_set(err, ERR_USAGE, "--secret: the id " STR_FMT " is given twice",
                           STR_ARG(s.id));
        if (add_from(to, &s, err) < 0)
            return err_wrap(err, "--secret id=" STR_FMT, STR_ARG(s.id));
    }
    return 0;
}

void secrets_forget(BuildRequest *r)
{
    vec_foreach(s, &r->secrets) {
        char *value;

        memcpy(&value, &s->value.p, sizeof(value)); /* it was allocated here */
        explicit_bzero(value, s->value.n);
        free(value);
    }
    vec_done(&r->secrets);
}
