/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_args.h"

#include "base/num.h"
#include "dockerfile/parse.h"

static bool is_on(const Builder *b, const char *name)
{
    const KeyValue *arg = key_values_find(&b->req->build_args, str_from(name));
    bool on;

    return arg && num_parse_bool(arg->value, &on) && on;
}

/* Frontends are programs in images; ours is built in, and is every docker/dockerfile. */
static int check_syntax(const Builder *b, const Dockerfile *d, Err *err)
{
    const KeyValue *arg = key_values_find(&b->req->build_args, S("BUILDKIT_SYNTAX"));
    Str syntax = arg ? arg->value : d->syntax;

    if (syntax.n == 0 || dockerfile_syntax_is_known(syntax))
        return 0;
    (void)err_set(err, ERR_UNSUPPORTED,
                  "the frontend \"" STR_FMT
                  "\" cannot be loaded: kiln has the one of docker/dockerfile built in",
                  STR_ARG(syntax));
    return arg ? err_wrap(err, "--build-arg BUILDKIT_SYNTAX")
               : err_wrap(err, STR_FMT ":1", STR_ARG(d->name));
}

int build_args_check(const Builder *b, const Dockerfile *d, Err *err)
{
    TRY(check_syntax(b, d, err));
    if (is_on(b, "BUILDKIT_DISABLE_FILEOP"))
        return err_set(err, ERR_UNSUPPORTED,
                       "--build-arg BUILDKIT_DISABLE_FILEOP: there is no other way to copy");
    return 0;
}

void build_args_warn(const Builder *b)
{
    if (is_on(b, "BUILDKIT_INLINE_CACHE"))
        builder_warn(b, "BUILDKIT_INLINE_CACHE has no effect: a cache is written where --cache-to "
                        "says, not into the image");
    if (is_on(b, "BUILDKIT_MULTI_PLATFORM"))
        builder_warn(b, "BUILDKIT_MULTI_PLATFORM has no effect: an image is written without an "
                        "index around it");
}
