/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KANIKO_REGISTRY_EXAMPLE_COM_USER and _PASSWORD serve registry.example.com, KANIKO_EXAMPLE_COM_USER
 * every host below example.com, and so on up to KANIKO_COM_USER; KILN_ comes before KANIKO_ at each
 * step. A port stays part of the last label ("EXAMPLE_COM:5000"): odd, but that is how it is written.
 * A GitLab job brings CI_REGISTRY, CI_REGISTRY_USER and CI_REGISTRY_PASSWORD.
 */
#include "registry/creds_env.h"

static bool may_matter(Str name)
{
    if (str_starts(name, S("CI_REGISTRY")))
        return true;
    return (str_starts(name, S("KILN_")) || str_starts(name, S("KANIKO_"))) &&
           (str_ends(name, S("_USER")) || str_ends(name, S("_PASSWORD")));
}

void creds_env_load(Arena *a, KeyValueVec *ret)
{
    for (char **e = environ; e && *e; e++) {
        KeyValue kv;

        if (!str_cut(str_from(*e), '=', &kv.key, &kv.value) || !may_matter(kv.key))
            continue;
        kv.key = str_dup_in(a, kv.key);
        kv.value = str_dup_in(a, kv.value);
        vec_push(ret, kv);
    }
}

static const KeyValue *find_variable(const KeyValueVec *v, Str name)
{
    vec_foreach(kv, v)
        if (str_eq(kv->key, name) && kv->value.n)
            return kv;
    return NULL;
}

/* Both PREFIX_USER and PREFIX_PASSWORD, or nothing. */
static bool find_pair(const KeyValueVec *v, Str prefix, Credential *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    const KeyValue *user = find_variable(v, str_fmt_in(&a, STR_FMT "_USER", STR_ARG(prefix)));
    const KeyValue *password =
        find_variable(v, str_fmt_in(&a, STR_FMT "_PASSWORD", STR_ARG(prefix)));

    if (!user || !password)
        return false;
    *ret = (Credential){.username = user->value,
                        .password = password->value,
                        .identity_token = S(""),
                        .registry_token = S(""),
                        .source = user->key};
    return true;
}

static Str as_variable(Arena *a, Str host)
{
    char *z = arena_new_n(a, char, host.n + 1);

    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c == '-' || c == '.')
            c = '_';
        z[i] = c;
    }
    return (Str){z, host.n};
}

static bool find_by_host(const KeyValueVec *v, Str host, Credential *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str rest = host, label;

    for (;;) {
        Str name = as_variable(&a, rest);

        if (find_pair(v, str_fmt_in(&a, "KILN_" STR_FMT, STR_ARG(name)), ret) ||
            find_pair(v, str_fmt_in(&a, "KANIKO_" STR_FMT, STR_ARG(name)), ret))
            return true;
        if (!str_cut(rest, '.', &label, &rest))
            return false;
    }
}

bool creds_env_find(const KeyValueVec *variables, Str host, Credential *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    const KeyValue *ci = find_variable(variables, S("CI_REGISTRY"));

    if (find_by_host(variables, host, ret))
        return true;
    return ci && str_eq(creds_canonical_key(&a, ci->value), host) &&
           find_pair(variables, S("CI_REGISTRY"), ret);
}
