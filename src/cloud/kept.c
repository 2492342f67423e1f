/* SPDX-License-Identifier: Apache-2.0 */
/* One thread makes a secret while the others that want one wait: they would only make the same. */
#include <string.h>

#include "cloud/internal.h"

enum {
    FAILED_FOR_S =
        20, /* a build asks for every blob: a service that is down is not asked for each */
};

typedef struct KeptSecret {
    char *key;
    Arena arena;
    Secret secret;
    int made; /* what the maker returned last */
    Err failure;
    int64_t again_s; /* after a failure: not before */
} KeptSecret;

void kept_init(Kept *k)
{
    (void)pthread_mutex_init(&k->lock, NULL);
}

static void wipe(Str s)
{
    if (s.n)
        explicit_bzero((char *)(uintptr_t)s.p, s.n);
}

static void forget(KeptSecret *s)
{
    wipe(s->secret.text);
    wipe(s->secret.session);
    arena_done(&s->arena);
    s->secret = (Secret){0};
}

void kept_done(Kept *k)
{
    vec_foreach(s, &k->v) {
        forget(*s);
        free((*s)->key);
        free(*s);
    }
    vec_done(&k->v);
    (void)pthread_mutex_destroy(&k->lock);
}

static KeptSecret *find(Kept *k, Str key)
{
    KeptSecret *s;

    vec_foreach(it, &k->v)
        if (str_eq(str_from((*it)->key), key))
            return *it;
    s = NEW(KeptSecret);
    s->key = str_dup(key);
    s->made = -1;
    vec_push(&k->v, s);
    return s;
}

static Secret copy(const Secret *s, Arena *a)
{
    return (Secret){.id = str_dup_in(a, s->id),
                    .text = str_dup_in(a, s->text),
                    .session = str_dup_in(a, s->session),
                    .source = str_dup_in(a, s->source),
                    .until_s = s->until_s};
}

static bool is_good_for(const KeptSecret *s, int64_t seconds)
{
    return s->made == 1 && (s->secret.until_s == 0 || s->secret.until_s > now_s() + seconds);
}

static void make_again(KeptSecret *s, Cloud *c, SecretMaker *make)
{
    Arena fresh = ARENA_INIT;
    Secret secret = {0};
    Err err = {0};
    int r = make(c, str_from(s->key), &fresh, &secret, &err);

    if (r == 1) {
        forget(s);
        s->arena = fresh;
        s->secret = copy(&secret, &s->arena); /* the maker may have lent its own texts */
        s->made = 1;
        return;
    }
    arena_done(&fresh);
    s->again_s = err.kind == ERR_CANCELLED ? 0 : now_s() + FAILED_FOR_S;
    if (r == 0 && s->made == 1)
        return; /* there was one: whoever gave it is away for the moment */
    if (s->made == 1 && is_good_for(s, 0))
        return;
    s->made = r;
    s->failure = err;
}

int kept_get(Kept *k, Cloud *c, Str key, SecretMaker *make, Arena *a, Secret *ret, Err *err)
{
    KeptSecret *s;
    int r;

    (void)pthread_mutex_lock(&k->lock);
    s = find(k, key);
    if (s->made != 0 && !is_good_for(s, RENEW_BEFORE_S) && now_s() >= s->again_s)
        make_again(s, c, make);
    r = s->made;
    if (r == 1)
        *ret = copy(&s->secret, a);
    else if (r < 0)
        *err = s->failure;
    (void)pthread_mutex_unlock(&k->lock);
    return r;
}
