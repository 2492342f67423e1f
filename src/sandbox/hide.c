/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RUN that shares the pid namespace or the /proc of the builder can read the environment of kiln's processes, where CI systems
 * put tokens, and their command lines, where users put build arguments. The kernel shows both straight from the
 * process's stack, so that is what is overwritten; /proc/self/stat (fields 48 to 51) says where it is. Only the program that
 * was exec'ed has these areas, and a fork has a copy of them: wiping the fork's leaves the parent's alone.
 */
#include "sandbox/hide.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/num.h"

enum {
    STAT_MAX = 4096, /* bytes of /proc/self/stat: 52 numbers and a short name */
    FIELD_ARG_START = 48,
    FIELD_ARG_END,
    FIELD_ENV_START,
    FIELD_ENV_END
};

extern char **environ;

typedef struct Areas {
    uintptr_t arg_start, arg_end, env_start, env_end;
} Areas;

/* Blank-separated from field 3 on, after the parenthesised name. gVisor has zeros there. */
static bool find_areas(Areas *ret)
{
    uint64_t v[FIELD_ENV_END + 1] = {0};
    cleanup_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char text[STAT_MAX];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    Str head, rest, field;
    int i = 3;

    if (n <= 0 || !str_cut_last((Str){text, (size_t)n}, ')', &head, &rest))
        return false;
    rest = str_trim(rest);
    while (i <= FIELD_ENV_END && str_next(&rest, ' ', &field))
        (void)!num_parse_u64(field, UINT64_MAX, &v[i++]);
    *ret = (Areas){v[FIELD_ARG_START], v[FIELD_ARG_END], v[FIELD_ENV_START], v[FIELD_ENV_END]};
    return ret->arg_start && ret->arg_start < ret->arg_end && ret->env_start <= ret->env_end;
}

static void wipe_area(uintptr_t start, uintptr_t end)
{
    explicit_bzero((void *)start, end - start); /* NOLINT(performance-no-int-to-ptr) */
}

static void wipe_environment(void)
{
    static char *none[] = {NULL};

    for (char **e = environ; e && *e; e++)
        explicit_bzero(*e, strlen(*e));
    environ = none;
}

void hide_process(const char *title)
{
    Areas a;

    (void)prctl(PR_SET_NAME, title, 0, 0, 0);
    wipe_environment();
    if (!find_areas(&a))
        return;
    wipe_area(a.env_start, a.env_end);
    wipe_area(a.arg_start, a.arg_end);
    /* The last byte stays NUL: otherwise the kernel takes the title to go on in the environment. */
    (void)snprintf((char *)a.arg_start, a.arg_end - a.arg_start, "%s",
                   title); /* NOLINT(performance-no-int-to-ptr) */
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
