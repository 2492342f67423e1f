/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an ImageConfig and edits of its lists; reading and writing have files of their own. */
#include "oci/config.h"

#include <stdio.h>
#include <time.h>

void image_config_done(ImageConfig *c)
{
    vec_done(&c->os_features);
    vec_done(&c->env);
    vec_done(&c->labels);
    vec_done(&c->exposed_ports);
    vec_done(&c->volumes);
    vec_done(&c->entrypoint);
    vec_done(&c->cmd);
    vec_done(&c->shell);
    vec_done(&c->on_build);
    vec_done(&c->healthcheck.test);
    vec_done(&c->diff_ids);
    vec_done(&c->history);
    json_free(c->rest);
    json_free(c->rest_config);
    arena_done(&c->arena);
    *c = (ImageConfig){0};
}

static void copy_texts(const StrVec *from, StrVec *to, Arena *a)
{
    vec_foreach(s, from)
        vec_push(to, str_dup_in(a, *s));
}

/* A NULL value means something (see env): it stays NULL. */
static void copy_key_values(const KeyValueVec *from, KeyValueVec *to, Arena *a)
{
    vec_foreach(kv, from) {
        Str value = kv->value.p ? str_dup_in(a, kv->value) : (Str){0};

        vec_push(to, ((KeyValue){str_dup_in(a, kv->key), value}));
    }
}

static void copy_history(const ImageConfig *from, ImageConfig *to)
{
    Arena *a = &to->arena;

    vec_foreach(h, &from->history)
        vec_push(&to->history, ((History){
                                   .created = str_dup_in(a, h->created),
                                   .created_by = str_dup_in(a, h->created_by),
                                   .author = str_dup_in(a, h->author),
                                   .comment = str_dup_in(a, h->comment),
                                   .empty_layer = h->empty_layer,
                               }));
}

static void copy_lists(const ImageConfig *from, ImageConfig *to)
{
    Arena *a = &to->arena;

    copy_texts(&from->os_features, &to->os_features, a);
    copy_key_values(&from->env, &to->env, a);
    copy_key_values(&from->labels, &to->labels, a);
    copy_texts(&from->exposed_ports, &to->exposed_ports, a);
    copy_texts(&from->volumes, &to->volumes, a);
    copy_texts(&from->entrypoint, &to->entrypoint, a);
    copy_texts(&from->cmd, &to->cmd, a);
    copy_texts(&from->shell, &to->shell, a);
    copy_texts(&from->on_build, &to->on_build, a);
    copy_texts(&from->healthcheck.test, &to->healthcheck.test, a);
    vec_foreach(d, &from->diff_ids)
        vec_push(&to->diff_ids, *d);
    copy_history(from, to);
}

void image_config_copy(const ImageConfig *from, ImageConfig *ret)
{
    ImageConfig c = {.args_escaped = from->args_escaped, .healthcheck = from->healthcheck};
    Arena *a = &c.arena;

    c.created = str_dup_in(a, from->created);
    c.author = str_dup_in(a, from->author);
    c.platform = (Platform){
        .os = str_dup_in(a, from->platform.os),
        .arch = str_dup_in(a, from->platform.arch),
        .variant = str_dup_in(a, from->platform.variant),
        .os_version = str_dup_in(a, from->platform.os_version),
    };
    c.user = str_dup_in(a, from->user);
    c.working_dir = str_dup_in(a, from->working_dir);
    c.stop_signal = str_dup_in(a, from->stop_signal);
    c.healthcheck.test = (StrVec){0};
    copy_lists(from, &c);
    c.rest = from->rest ? json_copy_deep(from->rest) : NULL;
    c.rest_config = from->rest_config ? json_copy_deep(from->rest_config) : NULL;
    *ret = c;
}

const KeyValue *key_values_find(const KeyValueVec *v, Str key)
{
    vec_foreach(kv, v)
        if (str_eq(kv->key, key))
            return kv;
    return NULL;
}

void key_values_set(KeyValueVec *v, Arena *a, Str key, Str value)
{
    Str copy = str_dup_in(a, value);
    size_t kept = 0;
    bool done = false;

    /* A base's Env may name a key twice; were the second left, it would win in a shell. */
    for (size_t i = 0; i < v->n; i++) {
        KeyValue kv = v->v[i];

        if (str_eq(kv.key, key)) {
            if (done)
                continue;
            kv.value = copy;
            done = true;
        }
        v->v[kept++] = kv;
    }
    v->n = kept;
    if (!done)
        vec_push(v, ((KeyValue){str_dup_in(a, key), copy}));
}

/* EXPOSE 1-65535 is legal: looking through the whole list for each port would take seconds. */
void str_set_add(StrVec *v, Arena *a, Str s)
{
    size_t low = 0, high = v->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(v->v[middle], s);

        if (order == 0)
            return;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    vec_push(v, S("")); /* room for one more */
    memmove(v->v + low + 1, v->v + low, (v->n - 1 - low) * sizeof(*v->v));
    v->v[low] = str_dup_in(a, s);
}

Str time_format_rfc3339(Arena *a, int64_t ns)
{
    int64_t fraction = ns % 1000000000;
    time_t seconds = (time_t)(ns / 1000000000 - (fraction < 0));
    struct tm tm;
    char date[32], digits[16] = "";
    int n;

    if (fraction < 0)
        fraction += 1000000000;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    if (fraction) {
        n = snprintf(digits, sizeof(digits), ".%09d", (int)fraction);
        while (n > 0 && digits[n - 1] == '0')
            digits[--n] = '\0';
    }
    return str_fmt_in(a, "%s%sZ", date, digits);
}
