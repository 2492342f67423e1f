/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/key.h"

#include <stdio.h>

KeyMaker key_begin(const char *kind, Arena *a, KeyInputVec *inputs)
{
    KeyMaker k = {.hash = sha256_new(), .arena = a};

    key_add(&k, "version", S(CACHE_KEY_VERSION));
    key_add(&k, "kind", str_from(kind));
    k.inputs = inputs;
    return k;
}

enum {
    NEAR = 16 /* fields of one name stand close to one another: items of a list, flags */
};

static KeyInput *find_near(const KeyMaker *k, Str name)
{
    size_t n = k->inputs->n;

    for (size_t i = n; i > 0 && n - i < NEAR; i--)
        if (str_eq(k->inputs->v[i - 1].name, name))
            return &k->inputs->v[i - 1];
    return NULL;
}

static void short_digest(Str value, KeyInput *ret)
{
    unsigned char sum[SHA256_BYTES];
    char hex[SHA256_HEX + 1];

    sha256_of(value.p, value.n, sum);
    sha256_hex(sum, hex);
    memcpy(ret->digest, hex, sizeof(ret->digest) - 1);
    ret->digest[sizeof(ret->digest) - 1] = '\0';
}

/* Fields of one name are remembered as one. */
static void remember(const KeyMaker *k, const char *name, Str value)
{
    KeyInput in = {0}, *before = find_near(k, str_from(name));
    char both[2 * sizeof(in.digest)];

    short_digest(value, &in);
    if (before) {
        int n = snprintf(both, sizeof(both), "%s%s", before->digest, in.digest);

        short_digest((Str){both, (size_t)n}, before);
        return;
    }
    in.name = str_dup_in(k->arena, str_from(name));
    vec_push(k->inputs, in);
}

/* Names are ours, or files' and variables': they are framed by their length like the values. */
void key_add_as(KeyMaker *k, const char *name, const char *remembered, Str value)
{
    char frame[64];
    int n = snprintf(frame, sizeof(frame), "%zu:", strlen(name));

    sha256_update(k->hash, frame, (size_t)n);
    sha256_update(k->hash, name, strlen(name));
    n = snprintf(frame, sizeof(frame), "=%zu:", value.n);
    sha256_update(k->hash, frame, (size_t)n);
    sha256_update(k->hash, value.p, value.n);
    sha256_update(k->hash, "\n", 1);
    if (k->inputs)
        remember(k, remembered, value);
}

void key_add(KeyMaker *k, const char *name, Str value)
{
    key_add_as(k, name, name, value);
}

void key_add_number(KeyMaker *k, const char *name, int64_t value)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value);

    key_add(k, name, (Str){text, (size_t)n});
}

void key_add_bool(KeyMaker *k, const char *name, bool value)
{
    key_add(k, name, value ? S("yes") : S("no"));
}

void key_add_key(KeyMaker *k, const char *name, const CacheKey *value)
{
    key_add(k, name, cache_key_str(value));
}

void key_add_lines(KeyMaker *k, const char *name, Str text)
{
    KeyInputVec *inputs = k->inputs;
    unsigned n = 0;

    k->inputs = NULL;
    key_add(k, name, text);
    k->inputs = inputs;
    if (!inputs)
        return;
    for (Str rest = text, line; str_next(&rest, '\n', &line);) {
        n = n < KEY_LINES ? n + 1 : n;
        remember(k, str_fmt_in(k->arena, "%s line %u", name, n).p, line);
    }
}

void key_add_count(KeyMaker *k, const char *name, size_t n)
{
    KeyInputVec *inputs = k->inputs;

    k->inputs = NULL;
    key_add_number(k, name, (int64_t)n);
    k->inputs = inputs;
}

CacheKey key_end(KeyMaker *k)
{
    unsigned char sum[SHA256_BYTES];
    CacheKey key;

    sha256_final(k->hash, sum);
    sha256_hex(sum, key.text);
    key_done(k);
    return key;
}

void key_done(KeyMaker *k)
{
    sha256_free(k->hash);
    k->hash = NULL;
}
