/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RUN that shares the pid namespace or the /proc of the builder can read the environment of kiln's processes, where CI systems
 * put tokens, and their command lines, where users put build arguments. The kernel shows both straight from the
 * process's stack, so that is what is overwritten; /proc/self/stat (fields 48 to 51) says where it is. Only the program that
 * was exec'ed has these areas, and a fork has a copy of them: wiping the fork's leaves the parent's alone. That a process is
 * not dumpable closes its environ to others, but never its cmdline, and in gVisor neither.
 */
#include "sandbox/hide.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "sandbox/proc.h"

/* gVisor has zeros there. */
static bool find_areas(ProcStat *ret)
{
    const uint64_t *f = ret->field;

    return proc_stat_read(AT_FDCWD, "/proc/self", ret) && f[PROC_ARG_START] > 0 &&
           f[PROC_ARG_START] < f[PROC_ARG_END] && f[PROC_ENV_START] <= f[PROC_ENV_END];
}

/* The kernel's numbers for this process are its addresses. */
static char *area(uint64_t address)
{
    return (char *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
}

static void wipe_environment(void)
{
    static char *none[] = {NULL};

    for (char **e = environ; e && *e; e++)
        explicit_bzero(*e, strlen(*e));
    environ = none;
}

static char **copy_strings(char **from)
{
    size_t n = 0;
    char **to;

    while (from && from[n])
        n++;
    to = NEW_N(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        to[i] = xstrdup(from[i]);
    return to;
}

char **hide_arguments(int argc, char **argv)
{
    static char **args, **env; /* referenced for ever, as the originals were */
    int shown = argc > 1 && argv[1][0] != '-' ? 2 : 1;

    args = copy_strings(argv);
    env = copy_strings(environ);
    for (int i = shown; i < argc; i++)
        explicit_bzero(argv[i], strlen(argv[i]));
    wipe_environment();
    environ = env;
    return args;
}

void hide_process(const char *title)
{
    ProcStat st;
    const uint64_t *f = st.field;

    (void)prctl(PR_SET_NAME, title, 0, 0, 0);
    wipe_environment();
    if (!find_areas(&st))
        return;
    explicit_bzero(area(f[PROC_ENV_START]), f[PROC_ENV_END] - f[PROC_ENV_START]);
    explicit_bzero(area(f[PROC_ARG_START]), f[PROC_ARG_END] - f[PROC_ARG_START]);
    /* The last byte stays NUL: otherwise the kernel takes the title to go on in the environment. */
    (void)snprintf(area(f[PROC_ARG_START]), f[PROC_ARG_END] - f[PROC_ARG_START], "%s", title);
}

void hide_memory(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return;
#endif
#endif
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
