/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/document.h"

static const char *type_name(JsonType t)
{
    switch (t) {
    case JSON_ABSENT: return "missing";
    case JSON_NIL: return "null";
    case JSON_BOOLEAN: return "a boolean";
    case JSON_NUMBER: return "a number";
    case JSON_TEXT: return "a string";
    case JSON_LIST: return "a list";
    case JSON_MAP: return "an object";
    }
    return "unknown";
}

int doc_open(Str text, size_t max, const char *what, Json **ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;

    if (text.n > max)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, max);
    TRY(json_parse(text, what, &doc, err));
    if (json_type(doc) != JSON_MAP)
        return err_set(err, ERR_FORMAT, "%s: %s, want an object", what, type_name(json_type(doc)));
    *ret = steal_ptr(&doc);
    return 0;
}

int doc_find(const Json *map, const char *key, JsonType want, const Json **ret, Err *err)
{
    const Json *j = json_find(map, key);
    JsonType got = json_type(j);

    if (got == JSON_ABSENT || got == JSON_NIL) {
        *ret = NULL;
        return 0;
    }
    if (got != want)
        return err_set(err, ERR_FORMAT, "\"%s\" is %s, want %s", key, type_name(got),
                       type_name(want));
    *ret = j;
    return 0;
}

int doc_text(const Json *map, const char *key, Arena *a, Str *ret, Err *err)
{
    const Json *j;
    Str s = S("");

    TRY(doc_find(map, key, JSON_TEXT, &j, err));
    (void)json_get_text(j, &s);
    *ret = str_dup_in(a, s);
    return 0;
}

int doc_bool(const Json *map, const char *key, bool *ret, Err *err)
{
    const Json *j;
    bool v = false;

    TRY(doc_find(map, key, JSON_BOOLEAN, &j, err));
    (void)json_get_bool(j, &v);
    *ret = v;
    return 0;
}

int doc_int(const Json *map, const char *key, int64_t *ret, Err *err)
{
    const Json *j;
    int64_t v = 0;

    TRY(doc_find(map, key, JSON_NUMBER, &j, err));
    if (j && !json_get_int(j, &v))
        return err_set(err, ERR_FORMAT, "\"%s\" is no whole number", key);
    *ret = v;
    return 0;
}

int doc_texts(const Json *map, const char *key, Arena *a, StrVec *ret, Err *err)
{
    const Json *list;

    TRY(doc_find(map, key, JSON_LIST, &list, err));
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *j = json_at(list, i);
        Str s = S("");

        if (!json_get_text(j, &s) && json_type(j) != JSON_NIL)
            return err_set(err, ERR_FORMAT, "\"%s\"[%zu] is %s, want a string", key, i,
                           type_name(json_type(j)));
        vec_push(ret, str_dup_in(a, s));
    }
    return 0;
}

void doc_put_text(Json *map, const char *key, Str s)
{
    if (s.n)
        json_set_text(map, key, s);
}

void doc_put_bool(Json *map, const char *key, bool v)
{
    if (v)
        json_set(map, key, json_new_bool(true));
}

void doc_put_int(Json *map, const char *key, int64_t v)
{
    if (v)
        json_set(map, key, json_new_int(v));
}

void doc_put_texts(Json *map, const char *key, const StrVec *v)
{
    Json *list;

    if (v->n == 0)
        return;
    list = json_new_list();
    vec_foreach(s, v)
        json_append(list, json_new_text(*s));
    json_set(map, key, list);
}

void doc_put(Json *map, Str key, Json *taken)
{
    cleanup_free char *z = str_dup(key);

    json_set(map, z, taken);
}
