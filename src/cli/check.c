/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check.h"

#include <sys/stat.h>

#include "cli/command.h"
#include "cli/lint_output.h"
#include "cli/request.h"

static const char lint_usage[] =
    "Usage: kiln lint [OPTIONS] [CONTEXT | DOCKERFILE]\n"
    "\n"
    "Report what is unwise in a Dockerfile, by BuildKit's rules. Nothing is pulled or built: what\n"
    "depends on a base image is checked by 'kiln build --check'. docs/lint.md explains the rules.\n"
    "\n"
    "  kiln lint .                                          the Dockerfile of a context\n"
    "  kiln lint --format sarif . >kiln.sarif               for code scanning\n"
    "\n"
    "A file says what it wants with a line like \"# check=skip=RULE,...;error=true\" at its top; a\n"
    "comment \"# check=skip=RULE\" above an instruction holds for that one. The build argument\n"
    "BUILDKIT_DOCKERFILE_CHECK replaces the line at the top.\n"
    "\n"
    "Exit status: 0 nothing found, 1 findings, or the file could not be checked.\n"
    "\n";

/* --call is docker's spelling: "check", "check,format=json". */
static int read_call(const char *call, Str *ret_format, Err *err)
{
    Str rest = str_from(call), word;

    if (!str_next(&rest, ',', &word) || !str_eq(word, S("check")))
        return err_set(err, ERR_UNSUPPORTED, "--call %s is not supported: choose check", call);
    while (str_next(&rest, ',', &word)) {
        if (!str_starts(word, S("format=")))
            return err_set(err, ERR_USAGE, "--call %s: expected check,format=FORMAT", call);
        *ret_format = str_skip(word, strlen("format="));
    }
    return 0;
}

int check_wanted(const Settings *s, bool *ret, Err *err)
{
    Str format;

    if (s->call)
        TRY(read_call(s->call, &format, err));
    *ret = s->check || s->call;
    if (s->format && !*ret)
        return err_set(err, ERR_USAGE, "--format is the linter's: it goes with --check");
    return 0;
}

static int choose_format(const Settings *s, LintFormat *ret, Err *err)
{
    Str format = str_from(s->format ? s->format : "text");

    if (s->call)
        TRY(read_call(s->call, &format, err));
    return lint_format_parse(format, ret, err);
}

static int lint_offline(const Request *r, LintReport *ret, Err *err)
{
    const Platform host = platform_host();
    const LintInput in = {
        .d = &r->dockerfile,
        .build_args = &r->build.build_args,
        .build = &host,
        .target = r->build.has_platform ? &r->build.platform : &host,
        .ignore = context_ignore(r->context),
    };

    return lint_run(&in, ret, err);
}

static int check_online(const Request *r, LintReport *ret, Err *err)
{
    return build_check(&r->build, ret, err);
}

static int check_with(Front front, const Settings *s,
                      int (*check)(const Request *r, LintReport *ret, Err *err), Err *err)
{
    cleanup_request Request r = {0};
    cleanup_lint_report LintReport report = {0};
    LintFormat format;
    int rc;

    TRY(choose_format(s, &format, err));
    rc = request_make(front, s, &r, err);
    if (rc == 0)
        rc = check(&r, &report, err);
    if (rc < 0) {
        lint_print_failure(format, str_from(s->dockerfile ? s->dockerfile : "Dockerfile"), err);
        return -1;
    }
    lint_print(format, r.dockerfile.name, &report);
    return report.findings.n > 0;
}

static int run_check(const Settings *s, Err *err)
{
    return check_with(FRONT_BUILD, s, check_online, err);
}

/* Of `kiln build`: no launcher is needed, so it is run as other commands are. */
int check_run(const Settings *s, Err *err)
{
    static const CommandLine line = {FRONT_BUILD, NULL, run_check};

    return command_run(&line, s, err);
}

/* `kiln lint path/to/Dockerfile` is what other linters take. */
static int run_lint(const Settings *s, Err *err)
{
    Settings own = *s;
    struct stat st;

    if (s->positional.n == 1 && !s->dockerfile && stat(s->positional.v[0].p, &st) == 0 &&
        S_ISREG(st.st_mode)) {
        own.dockerfile = s->positional.v[0].p;
        own.positional.n = 0;
    }
    return check_with(FRONT_LINT, &own, lint_offline, err);
}

int lint_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_LINT, lint_usage, run_lint};

    return command_main(&line, argc, argv);
}
