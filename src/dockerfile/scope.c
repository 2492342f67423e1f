/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/scope.h"

#include "base/limits.h"
#include "base/map.h"
#include "oci/config.h"

/* In pairs: the two spellings of a name differ in the last bit of their index. */
static const char *const proxies[] = {
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
    "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy",
};

void scope_set(Scope *s, Str key, Str value)
{
    key_values_set(&s->vars, s->arena, key, value);
}

/* Where each is: its index plus 1. Lists are searched one by one elsewhere, here for each of another list. */
static void index_vars(const KeyValueVec *v, Map *ret)
{
    for (size_t i = 0; i < v->n; i++)
        (void)map_set(ret, v->v[i].key, (void *)(uintptr_t)(i + 1));
}

static const KeyValue *find_var(const KeyValueVec *v, const Map *index, Str name)
{
    size_t i = (uintptr_t)map_find(index, name);

    return i > 0 ? &v->v[i - 1] : NULL;
}

/* As scope_set() of each one. */
static void set_all(Scope *s, const KeyValueVec *from)
{
    cleanup_map Map index = {0};

    index_vars(&s->vars, &index);
    vec_foreach(kv, from) {
        KeyValue own = {str_dup_in(s->arena, kv->key), str_dup_in(s->arena, kv->value)};
        size_t i = (uintptr_t)map_find(&index, kv->key);

        if (i > 0) {
            s->vars.v[i - 1] = own;
            continue;
        }
        vec_push(&s->vars, own);
        (void)map_set(&index, own.key, (void *)(uintptr_t)s->vars.n);
    }
}

static void set_platform(Scope *s, const char *prefix, const Platform *p)
{
    const struct {
        const char *suffix;
        Str value;
    } parts[] = {
        {"PLATFORM", platform_format(s->arena, p)},
        {"OS", p->os},
        {"OSVERSION", p->os_version},
        {"ARCH", p->arch},
        {"VARIANT", p->variant},
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        Str name = str_fmt_in(s->arena, "%s%s", prefix, parts[i].suffix);
        const KeyValue *given = key_values_find(s->build_args, name);

        scope_set(s, name, given ? given->value : parts[i].value);
    }
}

void scope_init_global(Scope *s, Arena *arena, const ScopeOpts *opts)
{
    const KeyValue *given = key_values_find(opts->build_args, S("TARGETSTAGE"));

    *s = (Scope){.arena = arena,
                 .build_args = opts->build_args,
                 .escape = opts->escape,
                 .expanded = arena_new(arena, size_t),
                 .work = arena_new(arena, size_t)};
    set_platform(s, "BUILD", opts->build);
    set_platform(s, "TARGET", opts->target);
    scope_set(s, S("TARGETSTAGE"), given ? given->value : opts->target_stage);
}

void scope_init_stage(Scope *s, const Scope *global, Arena *arena, const KeyValueVec *base_env)
{
    *s = (Scope){.arena = arena,
                 .build_args = global->build_args,
                 .escape = global->escape,
                 .expanded = global->expanded,
                 .work = global->work,
                 .global = global};
    set_all(s, base_env);
}

void scope_inherit(Scope *s, const Scope *from)
{
    cleanup_map Map index = {0};
    KeyValueVec values = {0};

    index_vars(&from->vars, &index);
    vec_foreach(name, &from->args) {
        const KeyValue *kv = find_var(&from->vars, &index, *name);

        vec_push(&s->args, str_dup_in(s->arena, *name));
        if (kv)
            vec_push(&values, *kv);
    }
    set_all(s, &values);
    vec_done(&values);
}

void scope_branch(Scope *s, const Scope *from)
{
    *s = *from;
    s->vars = (KeyValueVec){0};
    s->args = (StrVec){0};
    vec_foreach(kv, &from->vars)
        vec_push(&s->vars, *kv);
    vec_foreach(name, &from->args)
        vec_push(&s->args, *name);
}

void scope_done(Scope *s)
{
    vec_done(&s->vars);
    vec_done(&s->args);
}

/* --- expansion --- */

static bool lookup(void *ctx, Str name, Str *ret)
{
    const Scope *s = ctx;
    const KeyValue *kv = key_values_find(&s->vars, name);

    if (!kv)
        return false;
    *ret = kv->value;
    return true;
}

Expander scope_expander(const Scope *s)
{
    return (Expander){.escape = s->escape,
                      .lookup = lookup,
                      .ctx = (void *)(uintptr_t)s,
                      .unset = s->unset,
                      .work = s->work};
}

static int keep(const Scope *s, const Buf *out, Str *ret, Err *err)
{
    *s->expanded += out->n;
    if (*s->expanded > LIMIT_EXPANSIONS)
        return err_set(err, ERR_LIMIT,
                       "the variables of the Dockerfile expand to more than %zu bytes in all",
                       LIMIT_EXPANSIONS);
    *ret = str_dup_in(s->arena, buf_str(out));
    return 0;
}

int scope_expand(const Scope *s, Str word, Str *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    Expander x = scope_expander(s);

    TRY(expand_word(&x, word, &out, err));
    return keep(s, &out, ret, err);
}

int scope_expand_body(const Scope *s, Str body, Str *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_RUN_TEXT);
    Expander x = scope_expander(s);

    x.escape = '\\';
    x.keep_quotes = true;
    TRY(expand_word(&x, body, &out, err));
    return keep(s, &out, ret, err);
}

int scope_expand_words(const Scope *s, Str word, StrVec *ret, Err *err)
{
    Expander x = scope_expander(s);

    return expand_words(&x, s->arena, word, ret, err);
}

/* --- ARG --- */

bool scope_declares(const Scope *s, Str name)
{
    vec_foreach(a, &s->args)
        if (str_eq(*a, name))
            return true;
    return false;
}

/* They tell BuildKit which stages to make a bill of materials of, and are no variables. */
static bool is_for_scanners(Str name)
{
    return str_eq(name, S("BUILDKIT_SBOM_SCAN_CONTEXT")) ||
           str_eq(name, S("BUILDKIT_SBOM_SCAN_STAGE"));
}

int scope_declare_arg(Scope *s, const Word *w, Str *ret_name, Str *ret_value, bool *ret_set,
                      Err *err)
{
    const KeyValue *given, *above;
    Str name, value = S("");
    bool set = false;

    TRY(scope_expand(s, w->name, &name, err));
    given = key_values_find(s->build_args, name);
    above = s->global ? key_values_find(&s->global->vars, name) : NULL;
    if (w->has_value)
        TRY(scope_expand(s, w->value, &value, err));
    if (given) {
        value = given->value;
        set = true;
    } else if (w->has_value) {
        set = true;
    } else if (above) {
        value = above->value;
        set = true;
    }
    if (s->args.n >= LIMIT_VARIABLES)
        return err_set(err, ERR_LIMIT, "more than %u arguments", LIMIT_VARIABLES);
    if (!scope_declares(s, name))
        vec_push(&s->args, name);
    if (set && !is_for_scanners(name))
        scope_set(s, name, value);
    *ret_name = name;
    *ret_value = value;
    *ret_set = set;
    return 0;
}

int scope_args_prefix(const Scope *s, Str *ret, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);
    cleanup_map Map index = {0};

    *ret = S("");
    if (s->args.n == 0)
        return 0;
    index_vars(&s->vars, &index);
    buf_addf(&out, "|%zu ", s->args.n);
    vec_foreach(name, &s->args) {
        const KeyValue *kv = find_var(&s->vars, &index, *name);

        buf_addf(&out, STR_FMT "=" STR_FMT " ", STR_ARG(*name), STR_ARG(kv ? kv->value : S("")));
    }
    TRY(buf_check(&out, "the list of arguments in scope", err));
    return keep(s, &out, ret, err);
}

/* Programs differ in which spelling they read, so a command gets both, whichever was given. */
static void add_proxy(const Scope *s, Arena *a, Str name, Str other, StrVec *ret)
{
    const KeyValueVec *args = s->build_args;
    const KeyValue *kv = key_values_find(args, name);

    if (!kv)
        kv = key_values_find(args, other);
    if (kv && !key_values_find(&s->vars, name))
        vec_push(ret, str_fmt_in(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(kv->value)));
}

void scope_environ(const Scope *s, Arena *a, Str home, StrVec *ret)
{
    vec_foreach(kv, &s->vars)
        vec_push(ret, str_fmt_in(a, STR_FMT "=" STR_FMT, STR_ARG(kv->key), STR_ARG(kv->value)));
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
        add_proxy(s, a, str_from(proxies[i]), str_from(proxies[i ^ 1]), ret);
    if (!key_values_find(&s->vars, S("PATH")))
        vec_push(ret, S("PATH=" DEFAULT_PATH));
    if (!key_values_find(&s->vars, S("HOME")))
        vec_push(ret, str_fmt_in(a, "HOME=" STR_FMT, STR_ARG(home)));
}
