/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One binary, several names: kiln (with sub-commands) and executor (kaniko's command line). The
 * only place that exits.
 *
 * Order matters: the guards stand before everything, options are parsed next (they touch nothing),
 * then an ordinary user gets a user namespace, then the launcher is forked while there are no
 * threads, no credentials and no open files, and only then does anything else happen.
 */
#include <stdio.h>

#include "base/log.h"
#include "cli/digest_files.h"
#include "cli/guards.h"
#include "cli/progress.h"
#include "cli/request.h"
#include "os/signal.h"
#include "os/temp.h"
#include "sandbox/hide.h"
#include "sandbox/userns.h"

static const char build_usage[] =
    "Usage: kiln build [OPTIONS] [CONTEXT]\n"
    "\n"
    "Build an image from a Dockerfile: no daemon, no privileges.\n"
    "\n"
    "  kiln build -t registry.example/app:1 --push .        build and push\n"
    "  kiln build -o type=oci,dest=out .                    write an OCI image layout\n"
    "  kiln build -f docker/Dockerfile --target test src    one stage, another Dockerfile\n"
    "  tar -cz . | kiln build -                             an archive (tar://PATH, https://...)\n"
    "\n";

static const char executor_usage[] =
    "Usage: executor --context DIR --dockerfile PATH --destination REF [OPTIONS]\n"
    "\n"
    "kaniko's command line: a pipeline changes only the image's name.\n"
    "\n";

static const char *advice(const Err *err)
{
    if (err->os_errno == ENOSPC || err->os_errno == EDQUOT)
        return " (free some space, or choose a roomier place with --kiln-dir)";
    return "";
}

/* One line, whatever happened; a failed command hands its own status on. */
static int report_failure(const Err *err)
{
    int sig = signal_caught();
    int first = (int)strcspn(err->msg, "\n"); /* what may follow is the Dockerfile's line */

    log_line(LOG_ERROR, "%.*s%s%s", first, err->msg, advice(err), err->msg + first);
    log_debug("raised at %s", err->where ? err->where : "?");
    if (err->kind == ERR_CANCELLED && sig)
        return 128 + sig;
    if (err->kind == ERR_RUN && err->exit_code > 0 && err->exit_code < 256)
        return err->exit_code;
    return 1;
}

static int run_build(Front front, const Settings *s, Launcher *launcher, Err *err)
{
    cleanup_request Request r = {0};
    cleanup_build_result BuildResult result = {0};
    BuildEvents events = progress_events(s->quiet);

    TRY(request_make(front, s, &r, err));
    r.build.launcher = launcher;
    r.build.events = &events;
    TRY(digest_files_check(&r.files, err));
    TRY(build_run(&r.build, &result, err));
    TRY(digest_files_write(&r.files,
                           &(Delivered){.tags = r.build.tags.v,
                                        .n_tags = r.build.tags.n,
                                        .manifest = &result.manifest,
                                        .config = &result.config,
                                        .pushed = r.build.push},
                           err));
    if (s->quiet)
        (void)printf("%s\n", result.manifest.digest.text);
    else
        progress_summary(&r.build, &result);
    return 0;
}

/*
 * Without root, files of many owners need a user namespace; where there is none, builds without RUN
 * still work.
 */
static void enter_userns(const Settings *s)
{
    const char *kind = s->isolation ? s->isolation : "auto";
    Err err;

    if (geteuid() == 0 || strcmp(kind, "inplace") == 0)
        return;
    if (userns_enter(&err) < 0)
        log_debug("no user namespace: %s", err.msg);
}

static int build_main(Front front, const Settings *s, Err *err)
{
    cleanup_with(launcher_stop_at) Launcher *launcher = NULL;
    int rc;

    enter_userns(s);
    TRY(launcher_start(&launcher, err));
    TRY(signals_install(err));
    rc = run_build(front, s, launcher, err);
    temp_remove_all();
    return rc;
}

static int set_log_format(const Settings *s, Err *err)
{
    const char *format = s->log_format ? s->log_format : "text";
    bool json = strcmp(format, "json") == 0;

    if (!json && strcmp(format, "text") != 0 && strcmp(format, "color") != 0)
        return err_set(err, ERR_USAGE, "--log-format %s: choose text, color or json", format);
    log_set_format(json ? LOG_JSON : LOG_TEXT, s->log_timestamp);
    return 0;
}

static int front_main(Front front, int argc, char **argv)
{
    cleanup_with(settings_done) Settings s = {0};
    LogLevel level = LOG_INFO;
    Err err;

    if (options_parse(front, argc, argv, &s, &err) < 0)
        return report_failure(&err);
    if (s.help) {
        (void)fputs(front == FRONT_BUILD ? build_usage : executor_usage, stdout);
        options_print_help(front);
        return 0;
    }
    if (s.verbosity && parse_verbosity(s.verbosity, &level, &err) < 0)
        return report_failure(&err);
    log_set_level(level);
    if (set_log_format(&s, &err) < 0)
        return report_failure(&err);
    vec_foreach(line, &s.without_effect)
        log_line(LOG_INFO, STR_FMT, STR_ARG(*line));
    return build_main(front, &s, &err) < 0 ? report_failure(&err) : 0;
}

/* --- the commands --- */

/*
 * A sub-command of kiln, or a name that the program is called by. Gets the words that follow;
 * returns the exit status.
 */
typedef struct Command {
    const char *name;
    const char *help; /* NULL: not listed */
    int (*run)(int argc, char **argv);
} Command;

static int run_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("kiln %s\n", KILN_VERSION);
    return 0;
}

static int run_kiln_build(int argc, char **argv)
{
    return front_main(FRONT_BUILD, argc, argv);
}

static int run_executor(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "version") == 0)
        return run_version(argc, argv);
    return front_main(FRONT_EXECUTOR, argc, argv);
}

static int run_warmer(int argc, char **argv)
{
    Err err;

    (void)argc;
    (void)argv;
    (void)err_set(&err, ERR_UNSUPPORTED, "warmer is not supported yet");
    return report_failure(&err);
}

static int run_help(int argc, char **argv);

static const Command commands[] = {
    {"build", "build an image from a Dockerfile", run_kiln_build},
    {"version", "print the version", run_version},
    {"help", "this text; 'kiln build --help' for the options of a command", run_help},
    {"--version", NULL, run_version},
    {"--help", NULL, run_help},
    {"-h", NULL, run_help},
};

static const Command programs[] = {
    {"executor", NULL, run_executor},
    {"warmer", NULL, run_warmer},
};

static int run_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("Usage: kiln COMMAND\n\n"
                 "kiln builds container images inside an ordinary container.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].help)
            (void)printf("  %-10s %s\n", commands[i].name, commands[i].help);
    (void)printf("\nThe same program under the name 'executor' takes kaniko's options.\n");
    return 0;
}

static const Command *find_command(const Command *table, size_t n, Str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_from(table[i].name)))
            return &table[i];
    return NULL;
}

static int run_kiln(int argc, char **argv)
{
    const Command *c;
    Err err;

    if (argc == 0)
        return run_help(argc, argv);
    c = find_command(commands, ARRAY_LEN(commands), str_from(argv[0]));
    if (c)
        return c->run(argc - 1, argv + 1);
    (void)err_set(&err, ERR_USAGE, "unknown command \"%s\" (kiln help lists them)", argv[0]);
    return report_failure(&err);
}

int main(int argc, char **argv)
{
    const Command *program;

    if (argc < 1)
        return 1;
    argv = hide_arguments(argc, argv);
    guards_install();
    program = find_command(programs, ARRAY_LEN(programs), path_base(str_from(argv[0])));
    return program ? program->run(argc - 1, argv + 1) : run_kiln(argc - 1, argv + 1);
}
