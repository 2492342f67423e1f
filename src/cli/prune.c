/* SPDX-License-Identifier: Apache-2.0 */
/* kiln prune: make room in a kiln directory that is kept between builds. */
#include "cache/prune.h"

#include <time.h>

#include "base/log.h"
#include "base/num.h"
#include "cli/command.h"
#include "cli/request.h"
#include "cli/values.h"

static const char usage[] =
    "Usage: kiln prune [OPTIONS]\n"
    "\n"
    "Remove from the kiln directory what no image in its store consists of: first blobs that\n"
    "nothing names, then cache entries and directories of RUN --mount=type=cache, those first that\n"
    "were not used for longest. It waits for builds that use the directory.\n"
    "\n"
    "  kiln prune --keep-size 10GB       until the rest takes no more than that\n"
    "  kiln prune --unused 168h          what was not used for a week\n"
    "  kiln prune                        everything\n"
    "\n";

static void say_that_it_waits(const char *kiln_dir)
{
    log_line(LOG_INFO, "waiting for those who work in %s", kiln_dir);
}

static int run(const Settings *s, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    struct timespec now;
    PruneReport r;
    PruneOpts o = {.kiln_dir = s->kiln_dir ? s->kiln_dir : default_kiln_dir(&a),
                   .wait = say_that_it_waits};

    if (s->positional.n)
        return err_set(err, ERR_USAGE, "unexpected argument \"" STR_FMT "\"",
                       STR_ARG(s->positional.v[0]));
    TRY(parse_duration(s->unused, "--unused", 0, &o.unused_ns, err));
    if (s->keep_size)
        TRY(parse_size(s->keep_size, "--keep-size", &o.keep_bytes, err));
    else if (s->unused)
        o.keep_bytes = UINT64_MAX; /* age alone decides */
    (void)clock_gettime(CLOCK_REALTIME, &now);
    o.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    TRY(cache_prune(&o, &r, err));
    log_line(LOG_INFO, "removed %s: %llu cache entries, %llu blobs, %llu cache mounts; %s are left",
             num_format_bytes(r.bytes).z, (unsigned long long)r.entries,
             (unsigned long long)r.blobs, (unsigned long long)r.mounts,
             num_format_bytes(r.kept_bytes).z);
    if (r.why_not.kind != ERR_NONE)
        log_line(LOG_WARN, "not everything could be removed: %s", r.why_not.msg);
    return 0;
}

int prune_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_PRUNE, usage, run, .as_root = true};

    return command_main(&line, argc, argv);
}
