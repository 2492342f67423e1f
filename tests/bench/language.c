/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/bench/language.c - what the language costs, in CPU time of this process, without what a program needs to start.
 *
 *     language plan DOCKERFILE        parse it, plan all its stages (their bases are stages and scratch), lint it
 *     language ignore PATTERNS PATHS  judge every line of PATHS by the .dockerignore file PATTERNS
 *
 * One line "NAME MILLISECONDS" for each of them: the median of many rounds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "build/plan.h"
#include "dockerfile/parse.h"
#include "os/file.h"

enum {
    ROUNDS = 25,
    TEXT_MAX = 64 << 20,
};

static _Noreturn void fail(const char *why)
{
    (void)fprintf(stderr, "language: %s\n", why);
    exit(1);
}

static double cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *name, double *ms)
{
    qsort(ms, ROUNDS, sizeof(*ms), compare);
    (void)printf("%s %.2f\n", name, ms[ROUNDS / 2]);
}

/* --- a Dockerfile --- */

typedef struct Costs {
    double parse, plan, lint;
} Costs;

static Costs plan_once(Str text)
{
    cleanup_dockerfile Dockerfile d = {0};
    cleanup_lint_report LintReport findings = {0};
    const Platform platform = platform_host();
    BuildRequest req = {.target = S("")};
    Builder b = {.req = &req, .build_platform = platform, .target_platform = platform};
    Plan plan = {0};
    double begun = cpu_ms(), parsed, planned;
    Err err;

    if (dockerfile_parse(S("Dockerfile"), text, &d, &err) < 0)
        fail(err.msg);
    parsed = cpu_ms();
    if (plan_make(&b, &d, &plan, &err) < 0)
        fail(err.msg);
    planned = cpu_ms();
    if (plan_lint(&plan, &findings, &err) < 0)
        fail(err.msg);
    plan_done(&plan);
    arena_done(&b.arena);
    return (Costs){parsed - begun, planned - parsed, cpu_ms() - planned};
}

static void measure_plan(Str text)
{
    double parse[ROUNDS], plan[ROUNDS], lint[ROUNDS];

    for (size_t n = 0; n < ROUNDS; n++) {
        Costs c = plan_once(text);

        parse[n] = c.parse;
        plan[n] = c.plan;
        lint[n] = c.lint;
    }
    report("parse", parse);
    report("plan", plan);
    report("lint", lint);
}

/* --- a .dockerignore --- */

static void measure_ignore(Str patterns, Str paths)
{
    double ms[ROUNDS];
    size_t excluded = 0;
    Err err;

    for (size_t n = 0; n < ROUNDS; n++) {
        cleanup_with(ignore_free_at) Ignore *g = NULL;
        double begun = cpu_ms();

        if (ignore_parse(S(".dockerignore"), patterns, &g, &err) < 0)
            fail(err.msg);
        for (Str rest = paths, path; str_next(&rest, '\n', &path);)
            excluded += ignore_excludes(g, path);
        ms[n] = cpu_ms() - begun;
    }
    report("ignore", ms);
    (void)printf("excluded %zu\n", excluded / ROUNDS);
}

static void read_all(const char *path, Buf *ret)
{
    Err err;

    if (file_read(AT_FDCWD, path, ret, &err) < 0)
        fail(err.msg);
}

int main(int argc, char **argv)
{
    cleanup_buf Buf one = BUF_INIT(TEXT_MAX), two = BUF_INIT(TEXT_MAX);

    if (argc == 3 && strcmp(argv[1], "plan") == 0) {
        read_all(argv[2], &one);
        measure_plan(buf_str(&one));
    } else if (argc == 4 && strcmp(argv[1], "ignore") == 0) {
        read_all(argv[2], &one);
        read_all(argv[3], &two);
        measure_ignore(buf_str(&one), buf_str(&two));
    } else {
        fail("usage: language plan DOCKERFILE | ignore PATTERNS PATHS");
    }
    return 0;
}
