/* SPDX-License-Identifier: Apache-2.0 */
/* kiln warm, and kaniko's warmer: base images into a directory, before builds need them. */
#include "build/warm.h"

#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/bases_opts.h"
#include "cli/command.h"
#include "cli/registry_opts.h"
#include "cli/request.h"
#include "cli/values.h"
#include "dockerfile/parse.h"
#include "os/fd.h"
#include "os/file.h"

static const char warm_usage[] =
    "Usage: kiln warm [OPTIONS] [IMAGE...]\n"
    "\n"
    "Fetch base images into a directory that builds read with --cache-dir: the images that are\n"
    "named, and those of a Dockerfile. What is there and young enough is left alone; the exit\n"
    "status is 0 when all of them are there.\n"
    "\n"
    "  kiln warm --cache-dir /cache debian:12 golang:1.22\n"
    "  kiln warm --cache-dir /cache --file Dockerfile\n"
    "\n";

static const char warmer_usage[] =
    "Usage: warmer --cache-dir DIR --image REF... | --dockerfile PATH [OPTIONS]\n"
    "\n"
    "kaniko's command line. The exit status is 0 when any of the images is there.\n"
    "\n";

typedef struct Warm {
    const Settings *s;
    Arena arena;
    StrVec images;
    Dockerfile dockerfile;
    KeyValueVec build_args;
    Platform platform;
    RegistryOpts registry;
    BasesOpts bases;
} Warm;

static void warm_done(Warm *w)
{
    dockerfile_done(&w->dockerfile);
    vec_done(&w->images);
    vec_done(&w->build_args);
    registry_opts_done(&w->registry);
    arena_done(&w->arena);
}

static int read_dockerfile(Warm *w, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_DOCKERFILE);
    const char *path = w->s->dockerfile;

    if (strcmp(path, "-") == 0) {
        FdReader in = fd_reader(STDIN_FILENO);

        TRY(reader_read_all(&in.r, &text, "the Dockerfile on standard input", err));
    } else if (str_starts(str_from(path), S("http://")) ||
               str_starts(str_from(path), S("https://"))) {
        cleanup_with(http_client_free_at) HttpClient *http = http_client_new(NULL);

        TRY(dockerfile_fetch(http, path, &text, err));
    } else if (file_read(AT_FDCWD, path, &text, err) < 0) {
        return err_wrap(err, "the Dockerfile %s", path);
    }
    return dockerfile_parse(str_from(path), buf_str(&text), &w->dockerfile, err);
}

static int read_settings(Warm *w, LoneKey lone, Err *err)
{
    const Settings *s = w->s;

    vec_foreach(i, &s->images)
        vec_push(&w->images, *i);
    vec_foreach(i, &s->positional)
        vec_push(&w->images, *i);
    TRY(parse_pairs(&w->arena, &s->build_args, "--build-arg", lone, &w->build_args, err));
    TRY(registry_opts_fill(s, &w->arena, &w->registry, err));
    TRY(bases_opts_fill(s, &w->bases, err));
    w->bases.force = s->force;
    if (s->platform)
        TRY(platform_parse(&w->arena, str_from(s->platform), &w->platform, err));
    return s->dockerfile ? read_dockerfile(w, err) : 0;
}

static void say_done(void *ctx, const WarmReport *r)
{
    static const char *const outcomes[] = {
        [WARM_PRESENT] = "is there already",
        [WARM_RENEWED] = "is unchanged: its time is renewed",
        [WARM_FETCHED] = "is fetched",
    };

    (void)ctx;
    if (r->failed)
        log_line(LOG_ERROR, STR_FMT ": %s", STR_ARG(r->name), r->why.msg);
    else
        log_line(LOG_INFO, STR_FMT " %s: %s", STR_ARG(r->name), outcomes[r->outcome],
                 r->digest.text);
}

static int warm(Warm *w, bool any_will_do, Err *err)
{
    const WarmRequest req = {
        .images = &w->images,
        .dockerfile = w->s->dockerfile ? &w->dockerfile : NULL,
        .build_args = &w->build_args,
        .platform = w->s->platform ? &w->platform : NULL,
        .bases = &w->bases,
        .registry = &w->registry,
        .done = say_done,
    };
    size_t n = 0;
    int failed;

    TRY(failed = warm_run(&req, &n, err));
    if (failed && (!any_will_do || (size_t)failed == n))
        return err_set(err, ERR_NOT_FOUND, "%d of %zu images are not in %s", failed, n,
                       w->bases.dir);
    return 0;
}

static int warm_front(const Settings *s, LoneKey lone, bool any_will_do, Err *err)
{
    Warm w = {.s = s};
    int rc;

    rc = read_settings(&w, lone, err);
    if (rc == 0)
        rc = warm(&w, any_will_do, err);
    warm_done(&w);
    return rc;
}

static int run_warm(const Settings *s, Err *err)
{
    return warm_front(s, LONE_FROM_ENV, false, err);
}

static int run_warmer(const Settings *s, Err *err)
{
    return warm_front(s, LONE_OR_EMPTY, true, err);
}

int warm_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_WARM, warm_usage, run_warm};

    return command_main(&line, argc, argv);
}

int warmer_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_WARMER, warmer_usage, run_warmer};

    return command_main(&line, argc, argv);
}
