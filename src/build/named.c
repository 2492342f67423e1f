/* SPDX-License-Identifier: Apache-2.0 */
#include "build/named.h"

#include "oci/reference.h"

static const KeyValue *find(const Builder *b, Arena *a, Str name, Str platform)
{
    const KeyValueVec *all = &b->req->build_contexts;
    const KeyValue *kv = NULL;

    if (platform.n)
        kv = key_values_find(all,
                             str_fmt_in(a, STR_FMT "::" STR_FMT, STR_ARG(name), STR_ARG(platform)));
    return kv ? kv : key_values_find(all, name);
}

const KeyValue *named_find(const Builder *b, Str name, const Platform *platform)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str p = platform_format(&a, platform);
    const KeyValue *kv;
    Reference ref;
    Err ignored;

    if (str_eq(name, S("scratch")) || str_eq(name, S("context")))
        return NULL;
    kv = find(b, &a, name, p);
    if (kv || reference_parse(&a, name, &ref, &ignored) < 0)
        return kv;
    /* "alpine" given on the command line also stands for FROM alpine:latest. */
    if (str_eq(ref.tag, S("latest")) && str_ends(name, S(":latest")))
        return find(b, &a, str_head(name, name.n - strlen(":latest")), p);
    return NULL;
}

bool named_is_image(const KeyValue *named)
{
    return str_starts(named->value, S("docker-image://")) ||
           str_starts(named->value, S("oci-layout://"));
}

int named_context(Builder *b, Str name, const Platform *platform, Context **ret, Err *err)
{
    const KeyValue *kv = named_find(b, name, platform);
    ContextOpts o = *b->req->inputs;
    NamedContext opened = {.named = kv};

    *ret = NULL;
    if (!kv || named_is_image(kv))
        return 0;
    vec_foreach(n, &b->contexts) {
        if (n->named == kv) {
            *ret = n->context;
            return 0;
        }
    }
    o.bare_file = true;
    if (context_open(str_dup_in(&b->arena, kv->value).p, &o, &opened.context, err) < 0)
        return err_wrap(err, "the build context " STR_FMT, STR_ARG(kv->key));
    vec_push(&b->contexts, opened);
    if (context_set_ignore_file(opened.context, NULL, err) < 0)
        return err_wrap(err, "the build context " STR_FMT, STR_ARG(kv->key));
    *ret = opened.context;
    return 0;
}

int named_load_all(Builder *b, Err *err)
{
    vec_foreach(n, &b->contexts)
        TRY(context_load(n->context, err));
    return 0;
}

void named_done(Builder *b)
{
    vec_foreach(n, &b->contexts)
        context_free(n->context);
    vec_done(&b->contexts);
}
