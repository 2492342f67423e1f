/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/creds_helper.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/log.h"
#include "codec/json.h"
#include "os/program.h"

enum {
    HELPER_TIMEOUT_S = 60, /* some log in to a cloud first */
    WORDS_MAX = 200,       /* bytes of what it says when it fails */
};

/* What a program said about a server, good or bad. */
typedef struct Answer {
    Str program, server;
    Credential c;
    int found; /* as cred_helper_get(); -1: err */
    Err err;
} Answer;

struct CredHelpers {
    pthread_mutex_t lock; /* what follows; held while a program runs, so that it is run once */
    Arena arena;
    VEC(Answer *) answers;
    bool sealed;
};

CredHelpers *cred_helpers_new(void)
{
    CredHelpers *h = NEW(CredHelpers);

    (void)pthread_mutex_init(&h->lock, NULL);
    return h;
}

void cred_helpers_free(CredHelpers *h)
{
    if (!h)
        return;
    vec_foreach(a, &h->answers)
        free(*a);
    vec_done(&h->answers);
    (void)pthread_mutex_destroy(&h->lock);
    arena_done(&h->arena);
    free(h);
}

void cred_helpers_seal(CredHelpers *h, bool sealed)
{
    (void)pthread_mutex_lock(&h->lock);
    h->sealed = sealed;
    (void)pthread_mutex_unlock(&h->lock);
}

/* The name becomes part of a program's: nothing that leads elsewhere. */
static bool name_is_good(Str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/' || (unsigned char)name.p[i] <= ' ')
            return false;
    return name.n > 0;
}

/* docker-credential-helpers' fixed texts for "I know nothing about that". */
static bool says_unknown(Str words)
{
    return str_contains(words, S("credentials not found")) ||
           str_contains(words, S("no credentials"));
}

static int failed(int status, Str words, Err *err)
{
    Str line, rest;

    words = str_trim(words);
    if (says_unknown(words))
        return 0;
    if (str_cut(words, '\n', &line, &rest))
        words = line;
    if (words.n > WORDS_MAX)
        words.n = WORDS_MAX;
    if (words.n == 0)
        return err_set(err, ERR_AUTH, "exit status %d", status);
    return err_set(err, ERR_AUTH, "exit status %d: " STR_FMT, status, STR_ARG(words));
}

static int read_answer(CredHelpers *h, Str program, Str text, Credential *ret, Err *err)
{
    cleanup_with(json_free_at) Json *j = NULL;
    Str user, secret;

    TRY(json_parse(text, "its answer", &j, err));
    if (!json_get_text(json_find(j, "Username"), &user) ||
        !json_get_text(json_find(j, "Secret"), &secret))
        return err_set(err, ERR_FORMAT, "its answer has no Username and Secret");
    if (secret.n == 0)
        return 0;
    *ret = CREDENTIAL_NONE;
    ret->source = program;
    if (str_eq(user, S("<token>"))) { /* the helpers' way of saying so */
        ret->identity_token = str_dup_in(&h->arena, secret);
        return 1;
    }
    ret->username = str_dup_in(&h->arena, user);
    ret->password = str_dup_in(&h->arena, secret);
    return 1;
}

static int run(CredHelpers *h, Str program, Str server, Credential *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_TOKEN_BODY);
    const char *argv[] = {program.p, "get", NULL};
    int status, found;

    log_debug("asking %s for " STR_FMT, program.p, STR_ARG(server));
    if (program_run(argv, server, HELPER_TIMEOUT_S, &out, &status, err) < 0)
        found = -1;
    else if (status != 0)
        found = failed(status, buf_str(&out), err);
    else
        found = read_answer(h, program, buf_str(&out), ret, err);
    if (out.p)
        explicit_bzero(out.p, out.n);
    return found;
}

static Answer *ask(CredHelpers *h, Str name, Str server)
{
    Answer *a = NEW(Answer);

    a->program = str_fmt_in(&h->arena, "docker-credential-" STR_FMT, STR_ARG(name));
    a->server = str_dup_in(&h->arena, server);
    if (!name_is_good(name))
        a->found = err_set(&a->err, ERR_FORMAT, "that is no name of a program");
    else
        a->found = run(h, a->program, a->server, &a->c, &a->err);
    if (a->found < 0)
        (void)err_wrap(&a->err, STR_FMT " for " STR_FMT, STR_ARG(a->program), STR_ARG(server));
    return a;
}

static Answer *find(const CredHelpers *h, Str name, Str server)
{
    vec_foreach(a, &h->answers)
        if (str_ends((*a)->program, name) &&
            (*a)->program.n == name.n + strlen("docker-credential-") &&
            str_eq((*a)->server, server))
            return *a;
    return NULL;
}

int cred_helper_get(CredHelpers *h, Str name, Str server, Credential *ret, Err *err)
{
    Answer *a;
    int found;

    (void)pthread_mutex_lock(&h->lock);
    a = find(h, name, server);
    if (!a && !h->sealed) {
        a = ask(h, name, server);
        vec_push(&h->answers, a);
    }
    if (!a)
        found = err_set(err, ERR_AUTH,
                        "docker-credential-" STR_FMT " for " STR_FMT
                        ": it cannot be run while a RUN step has the file system",
                        STR_ARG(name), STR_ARG(server));
    else
        found = a->found;
    if (found > 0)
        *ret = a->c;
    else if (found < 0 && a)
        *err = a->err;
    (void)pthread_mutex_unlock(&h->lock);
    return found;
}
