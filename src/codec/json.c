/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin skin over jansson, which keeps the order of keys and 64-bit integers exactly. What it adds:
 * a nesting bound of our own (jansson's is a compile-time constant of the library), error texts that
 * never quote the document (it may be a file of passwords), and text that is made UTF-8 on its way
 * in, because jansson refuses other strings and the builder must not fail over a label.
 */
#include "codec/json.h"

#include <assert.h>

/* jansson has a type of this name; nothing in here wants it. */
#define json_type jansson_type_
#include <jansson.h>
#undef json_type

#include "base/limits.h"
#include "codec/unconst.h"
#include "codec/utf8.h"

/* Making values fails for lack of memory only. */
static Json *made(Json *j)
{
    assert(j && "out of memory");
    return j;
}

/* ---- parsing ---- */

/* Where in a document a scanner stands; for messages. */
typedef struct Place {
    size_t line, column; /* 1-based; columns count bytes */
} Place;

static int check_depth(Str text, const char *what, Err *err)
{
    Place at = {1, 0};
    size_t depth = 0;
    bool quoted = false, escaped = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        at.column++;
        if (c == '\n')
            at = (Place){at.line + 1, 0};
        else if (escaped)
            escaped = false;
        else if (quoted && c == '\\')
            escaped = true;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > LIMIT_JSON_DEPTH)
            return err_set(err, ERR_LIMIT, "%s: line %zu column %zu: nested deeper than %u", what,
                           at.line, at.column, LIMIT_JSON_DEPTH);
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return 0;
}

/* jansson ends most messages with the text around the error; a log is no place for that. */
static Str without_excerpt(Str message)
{
    static const Str mark = STR_LIT(" near ");

    for (size_t i = 0; i + mark.n <= message.n; i++)
        if (str_starts(str_skip(message, i), mark))
            return str_head(message, i);
    return message;
}

int json_parse(Str text, const char *what, Json **ret, Err *err)
{
    json_error_t e;
    Json *j;
    Str message;

    TRY(check_depth(text, what, err));
    j = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!j) {
        assert(json_error_code(&e) != json_error_out_of_memory);
        message = without_excerpt(str_from(e.text));
        return err_set(err, ERR_FORMAT, "%s: line %d column %d: " STR_FMT, what, e.line, e.column,
                       STR_ARG(message));
    }
    *ret = j;
    return 0;
}

void json_free(Json *j)
{
    json_decref(j);
}

/* ---- reading ---- */

JsonType json_type(const Json *j)
{
    if (!j)
        return JSON_ABSENT;
    switch (json_typeof(j)) {
    case JSON_OBJECT: return JSON_MAP;
    case JSON_ARRAY: return JSON_LIST;
    case JSON_STRING: return JSON_TEXT;
    case JSON_INTEGER:
    case JSON_REAL: return JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return JSON_BOOLEAN;
    case JSON_NULL: return JSON_NIL;
    }
    return JSON_ABSENT;
}

Json *json_find(const Json *map, const char *key)
{
    return json_object_get(map, key);
}

bool json_get_text(const Json *j, Str *ret)
{
    if (!json_is_string(j))
        return false;
    *ret = (Str){json_string_value(j), json_string_length(j)};
    return true;
}

bool json_get_int(const Json *j, int64_t *ret)
{
    if (!json_is_integer(j))
        return false;
    *ret = json_integer_value(j);
    return true;
}

bool json_get_number(const Json *j, double *ret)
{
    if (!json_is_number(j))
        return false;
    *ret = json_number_value(j);
    return true;
}

bool json_get_bool(const Json *j, bool *ret)
{
    if (!json_is_boolean(j))
        return false;
    *ret = json_is_true(j);
    return true;
}

size_t json_count(const Json *j)
{
    return json_is_object(j) ? json_object_size(j) : json_array_size(j);
}

Json *json_at(const Json *list, size_t i)
{
    return json_array_get(list, i);
}

bool json_next(const Json *map, JsonIter *it)
{
    Json *j = unconst(map);

    it->state = it->started ? json_object_iter_next(j, it->state) : json_object_iter(j);
    it->started = true;
    if (!it->state)
        return false;
    it->key = (Str){json_object_iter_key(it->state), json_object_iter_key_len(it->state)};
    it->value = json_object_iter_value(it->state);
    return true;
}

/* ---- making and changing ---- */

Json *json_new_map(void)
{
    return made(json_object());
}

Json *json_new_list(void)
{
    return made(json_array());
}

Json *json_new_text(Str s)
{
    cleanup_buf Buf clean = BUF_INIT(SIZE_MAX / 4);

    if (utf8_valid(s) && (s.n == 0 || !memchr(s.p, '\0', s.n)))
        return made(json_stringn_nocheck(s.n ? s.p : "", s.n));
    utf8_clean(s, &clean);
    return made(json_stringn_nocheck(buf_z(&clean), clean.n));
}

Json *json_new_int(int64_t v)
{
    return made(json_integer(v));
}

Json *json_new_bool(bool v)
{
    return json_boolean(v);
}

Json *json_new_null(void)
{
    return json_null();
}

Json *json_copy_deep(const Json *j)
{
    return made(json_deep_copy(j));
}

void json_set(Json *map, const char *key, Json *taken)
{
    cleanup_buf Buf clean = BUF_INIT(SIZE_MAX / 4);
    int r;

    if (!utf8_valid(str_from(key))) {
        utf8_clean(str_from(key), &clean);
        key = buf_z(&clean);
    }
    r = json_object_set_new_nocheck(map, key, taken);
    assert(r == 0 && "not a map, or put into itself");
}

void json_set_text(Json *map, const char *key, Str s)
{
    json_set(map, key, json_new_text(s));
}

void json_remove(Json *map, const char *key)
{
    (void)json_object_del(map, key); /* fails when there is none: as good as removed */
}

void json_append(Json *list, Json *taken)
{
    int r = json_array_append_new(list, taken);

    assert(r == 0 && "not a list, or put into itself");
}

/* ---- writing ---- */

static int dump_to_buf(const char *p, size_t n, void *data)
{
    Buf *out = data;

    buf_append(out, p, n);
    return out->full ? -1 : 0;
}

void json_format(const Json *j, unsigned indent, Buf *out)
{
    size_t flags = JSON_ENCODE_ANY;
    int r;

    flags |= indent ? JSON_INDENT(indent < JSON_MAX_INDENT ? indent : JSON_MAX_INDENT)
                    : (size_t)JSON_COMPACT;
    r = json_dump_callback(j, dump_to_buf, out, flags);
    assert((r == 0 || out->full) && "a document that contains itself");
}
