/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of members is fixed, that of the OCI specification's own Go types with Docker's
 * extensions after them; sets are kept sorted and labels are sorted here, as Go sorts maps. Two equal
 * configurations therefore have one digest.
 */
#include "base/limits.h"
#include "oci/config.h"
#include "oci/document.h"

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const KeyValue *)a)->key, ((const KeyValue *)b)->key);
}

static void put_set(Json *map, const char *key, const StrVec *v)
{
    Json *set;

    if (v->n == 0)
        return;
    set = json_new_map();
    vec_foreach(s, v)
        doc_put(set, *s, json_new_map());
    json_set(map, key, set);
}

static void put_labels(Json *map, const KeyValueVec *v)
{
    cleanup_free KeyValue *sorted = NULL;
    Json *labels;

    if (v->n == 0)
        return;
    sorted = NEW_N(KeyValue, v->n);
    memcpy(sorted, v->v, v->n * sizeof(*sorted));
    qsort(sorted, v->n, sizeof(*sorted), by_key);
    labels = json_new_map();
    for (size_t i = 0; i < v->n; i++)
        doc_put(labels, sorted[i].key, json_new_text(sorted[i].value));
    json_set(map, "Labels", labels);
}

static void put_env(Json *map, const KeyValueVec *v)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_CONFIG);
    Json *list;

    if (v->n == 0)
        return;
    list = json_new_list();
    vec_foreach(kv, v) {
        buf_truncate(&text, 0);
        buf_add(&text, kv->key);
        if (kv->value.p) {
            buf_add_char(&text, '=');
            buf_add(&text, kv->value);
        }
        json_append(list, json_new_text(buf_str(&text)));
    }
    json_set(map, "Env", list);
}

static void put_healthcheck(Json *map, const Healthcheck *h)
{
    Json *j;

    if (!h->set)
        return;
    j = json_new_map();
    doc_put_texts(j, "Test", &h->test);
    doc_put_int(j, "Interval", h->interval_ns);
    doc_put_int(j, "Timeout", h->timeout_ns);
    doc_put_int(j, "StartPeriod", h->start_period_ns);
    doc_put_int(j, "StartInterval", h->start_interval_ns);
    doc_put_int(j, "Retries", h->retries);
    json_set(map, "Healthcheck", j);
}

static void put_rest(Json *map, const Json *rest)
{
    for (JsonIter it = {0}; json_next(rest, &it);)
        doc_put(map, it.key, json_copy_deep(it.value));
}

static Json *config_member(const ImageConfig *c)
{
    Json *map = json_new_map();

    doc_put_text(map, "User", c->user);
    put_set(map, "ExposedPorts", &c->exposed_ports);
    put_env(map, &c->env);
    doc_put_texts(map, "Entrypoint", &c->entrypoint);
    doc_put_texts(map, "Cmd", &c->cmd);
    put_set(map, "Volumes", &c->volumes);
    doc_put_text(map, "WorkingDir", c->working_dir);
    put_labels(map, &c->labels);
    doc_put_text(map, "StopSignal", c->stop_signal);
    doc_put_bool(map, "ArgsEscaped", c->args_escaped);
    put_healthcheck(map, &c->healthcheck);
    doc_put_texts(map, "OnBuild", &c->on_build);
    doc_put_texts(map, "Shell", &c->shell);
    put_rest(map, c->rest_config);
    return map;
}

static Json *rootfs_member(const ImageConfig *c)
{
    Json *map = json_new_map(), *ids = json_new_list();

    vec_foreach(d, &c->diff_ids)
        json_append(ids, json_new_text(str_from(d->text)));
    json_set_text(map, "type", S("layers"));
    json_set(map, "diff_ids", ids);
    return map;
}

static void put_history(Json *doc, const ImageConfig *c)
{
    Json *list;

    if (c->history.n == 0)
        return;
    list = json_new_list();
    vec_foreach(h, &c->history) {
        Json *j = json_new_map();

        doc_put_text(j, "created", h->created);
        doc_put_text(j, "created_by", h->created_by);
        doc_put_text(j, "author", h->author);
        doc_put_text(j, "comment", h->comment);
        doc_put_bool(j, "empty_layer", h->empty_layer);
        json_append(list, j);
    }
    json_set(doc, "history", list);
}

void image_config_format(const ImageConfig *c, Buf *out)
{
    cleanup_with(json_free_at) Json *doc = json_new_map();

    doc_put_text(doc, "created", c->created);
    doc_put_text(doc, "author", c->author);
    json_set_text(doc, "architecture", c->platform.arch);
    json_set_text(doc, "os", c->platform.os);
    doc_put_text(doc, "os.version", c->platform.os_version);
    doc_put_texts(doc, "os.features", &c->os_features);
    doc_put_text(doc, "variant", c->platform.variant);
    json_set(doc, "config", config_member(c));
    json_set(doc, "rootfs", rootfs_member(c));
    put_history(doc, c);
    put_rest(doc, c->rest);
    json_format(doc, 0, out);
}
