/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations come from every builder of the last decade: lists may be null, "config" and
 * "history" may be missing, Cmd may be a bare string. What is known is copied out of the document;
 * then the known members are struck from it, and what remains is kept as 'rest'.
 */
#include "base/limits.h"
#include "oci/config.h"
#include "oci/document.h"

/* Members that ImageConfig has fields for, and those that describe the container an image was once
   committed from and would be false of any image built on it. */
static const char *const top_struck[] = {
    "created",    "author",           "architecture",   "os",       "variant",
    "os.version", "os.features",      "config",         "rootfs",   "history",
    "container",  "container_config", "docker_version", "hostname",
};
static const char *const config_struck[] = {
    "User",        "ExposedPorts", "Env",        "Entrypoint", "Cmd",   "Volumes",
    "WorkingDir",  "Labels",       "StopSignal", "OnBuild",    "Shell", "Healthcheck",
    "ArgsEscaped", "Hostname",     "Domainname", "Image",
};

/* "PATH=/bin"; an entry without '=' keeps a NULL value, and is written as it was. */
static KeyValue env_entry(Str text)
{
    KeyValue kv;

    if (!str_cut(text, '=', &kv.key, &kv.value))
        kv = (KeyValue){.key = text};
    return kv;
}

static int env_parse(const Json *map, ImageConfig *c, Err *err)
{
    StrVec texts = {0};
    int r = doc_texts(map, "Env", &c->arena, &texts, err);

    if (r == 0 && texts.n > LIMIT_VARIABLES)
        r = err_set(err, ERR_LIMIT, "more than %u variables in Env", LIMIT_VARIABLES);
    if (r == 0)
        vec_foreach(s, &texts)
            vec_push(&c->env, env_entry(*s));
    vec_done(&texts);
    return r;
}

static int labels_parse(const Json *map, ImageConfig *c, Err *err)
{
    const Json *labels;

    TRY(doc_find(map, "Labels", JSON_MAP, &labels, err));
    if (json_count(labels) > LIMIT_VARIABLES)
        return err_set(err, ERR_LIMIT, "more than %u labels", LIMIT_VARIABLES);
    for (JsonIter it = {0}; json_next(labels, &it);) {
        KeyValue kv = {.key = str_dup_in(&c->arena, it.key)};
        Str value = S("");

        if (!json_get_text(it.value, &value) && json_type(it.value) != JSON_NIL)
            return err_set(err, ERR_FORMAT, "label \"" STR_FMT "\" is no string", STR_ARG(kv.key));
        kv.value = str_dup_in(&c->arena, value);
        vec_push(&c->labels, kv);
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* {"80/tcp": {}}: the keys are a set, the values mean nothing. */
static int set_parse(const Json *map, const char *key, Arena *a, StrVec *ret, Err *err)
{
    const Json *set;

    TRY(doc_find(map, key, JSON_MAP, &set, err));
    for (JsonIter it = {0}; json_next(set, &it);)
        vec_push(ret, str_dup_in(a, it.key));
    if (ret->n)
        qsort(ret->v, ret->n, sizeof(*ret->v), by_text);
    return 0;
}

/* Docker before 1.10 wrote a command of one word as a string. */
static int command_parse(const Json *map, const char *key, Arena *a, StrVec *ret, Err *err)
{
    Str word;

    if (!json_get_text(json_find(map, key), &word))
        return doc_texts(map, key, a, ret, err);
    if (word.n)
        vec_push(ret, str_dup_in(a, word));
    return 0;
}

static int healthcheck_parse(const Json *map, ImageConfig *c, Err *err)
{
    Healthcheck *h = &c->healthcheck;
    const Json *j;

    TRY(doc_find(map, "Healthcheck", JSON_MAP, &j, err));
    h->set = j != NULL;
    TRY(doc_texts(j, "Test", &c->arena, &h->test, err));
    TRY(doc_int(j, "Interval", &h->interval_ns, err));
    TRY(doc_int(j, "Timeout", &h->timeout_ns, err));
    TRY(doc_int(j, "StartPeriod", &h->start_period_ns, err));
    TRY(doc_int(j, "StartInterval", &h->start_interval_ns, err));
    return doc_int(j, "Retries", &h->retries, err);
}

static int config_read(const Json *map, ImageConfig *c, Err *err)
{
    Arena *a = &c->arena;

    TRY(doc_text(map, "User", a, &c->user, err));
    TRY(doc_text(map, "WorkingDir", a, &c->working_dir, err));
    TRY(doc_text(map, "StopSignal", a, &c->stop_signal, err));
    TRY(env_parse(map, c, err));
    TRY(labels_parse(map, c, err));
    TRY(set_parse(map, "ExposedPorts", a, &c->exposed_ports, err));
    TRY(set_parse(map, "Volumes", a, &c->volumes, err));
    TRY(command_parse(map, "Entrypoint", a, &c->entrypoint, err));
    TRY(command_parse(map, "Cmd", a, &c->cmd, err));
    TRY(command_parse(map, "Shell", a, &c->shell, err));
    TRY(doc_texts(map, "OnBuild", a, &c->on_build, err));
    TRY(doc_bool(map, "ArgsEscaped", &c->args_escaped, err));
    return healthcheck_parse(map, c, err);
}

static int rootfs_parse(const Json *doc, ImageConfig *c, Err *err)
{
    const Json *rootfs;
    StrVec texts = {0};
    Str type;
    int r = 0;

    TRY(doc_find(doc, "rootfs", JSON_MAP, &rootfs, err));
    TRY(doc_text(rootfs, "type", &c->arena, &type, err));
    if (type.n && !str_eq(type, S("layers")))
        return err_set(err, ERR_UNSUPPORTED, "rootfs of type \"" STR_FMT "\"", STR_ARG(type));
    if (json_count(json_find(rootfs, "diff_ids")) > LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, "more than %u diff_ids", LIMIT_LAYERS);
    r = doc_texts(rootfs, "diff_ids", &c->arena, &texts, err);
    for (size_t i = 0; r == 0 && i < texts.n; i++) {
        Digest d;

        r = digest_parse(texts.v[i], &d, err);
        if (r == 0)
            vec_push(&c->diff_ids, d);
    }
    vec_done(&texts);
    return r;
}

static int history_entry(const Json *j, ImageConfig *c, Err *err)
{
    History h = {0};

    if (json_type(j) != JSON_MAP)
        return err_set(err, ERR_FORMAT, "want an object");
    TRY(doc_text(j, "created", &c->arena, &h.created, err));
    TRY(doc_text(j, "created_by", &c->arena, &h.created_by, err));
    TRY(doc_text(j, "author", &c->arena, &h.author, err));
    TRY(doc_text(j, "comment", &c->arena, &h.comment, err));
    TRY(doc_bool(j, "empty_layer", &h.empty_layer, err));
    vec_push(&c->history, h);
    return 0;
}

static int history_parse(const Json *doc, ImageConfig *c, Err *err)
{
    const Json *list;

    TRY(doc_find(doc, "history", JSON_LIST, &list, err));
    for (size_t i = 0; i < json_count(list); i++)
        if (history_entry(json_at(list, i), c, err) < 0)
            return err_wrap(err, "\"history\"[%zu]", i);
    return 0;
}

static int document_read(const Json *doc, ImageConfig *c, Err *err)
{
    Arena *a = &c->arena;
    const Json *config;

    TRY(doc_text(doc, "created", a, &c->created, err));
    TRY(doc_text(doc, "author", a, &c->author, err));
    TRY(doc_text(doc, "architecture", a, &c->platform.arch, err));
    TRY(doc_text(doc, "os", a, &c->platform.os, err));
    TRY(doc_text(doc, "variant", a, &c->platform.variant, err));
    TRY(doc_text(doc, "os.version", a, &c->platform.os_version, err));
    TRY(doc_texts(doc, "os.features", a, &c->os_features, err));
    TRY(doc_find(doc, "config", JSON_MAP, &config, err));
    if (config_read(config, c, err) < 0)
        return err_wrap(err, "\"config\"");
    TRY(rootfs_parse(doc, c, err));
    return history_parse(doc, c, err);
}

/* A copy of 'map' without the members in 'struck'; NULL when nothing is left. */
static Json *without(const Json *map, const char *const *struck, size_t n)
{
    Json *rest;

    if (json_type(map) != JSON_MAP)
        return NULL;
    rest = json_copy_deep(map);
    for (size_t i = 0; i < n; i++)
        json_remove(rest, struck[i]);
    if (json_count(rest) == 0) {
        json_free(rest);
        rest = NULL;
    }
    return rest;
}

int image_config_parse(Str json, ImageConfig *ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_image_config ImageConfig c = {0};

    TRY(doc_open(json, LIMIT_CONFIG, "image config", &doc, err));
    if (document_read(doc, &c, err) < 0)
        return err_wrap(err, "image config");
    c.rest_config = without(json_find(doc, "config"), config_struck, ARRAY_LEN(config_struck));
    c.rest = without(doc, top_struck, ARRAY_LEN(top_struck));
    *ret = c;
    c = (ImageConfig){0};
    return 0;
}
