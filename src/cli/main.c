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
#include "base/mem.h"
#include "cli/check.h"
#include "cli/command.h"
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
    "  kiln build --check .                                 what the linter finds; no build\n"
    "  tar -cz . | kiln build -                             an archive (tar://PATH, https://...)\n"
    "  kiln build https://host/repo.git#branch:dir          a git repository\n"
    "\n";

static const char executor_usage[] =
    "Usage: executor --context DIR --dockerfile PATH --destination REF [OPTIONS]\n"
    "\n"
    "kaniko's command line: a pipeline changes only the image's name.\n"
    "\n";

static int run_build(Front front, const Settings *s, Launcher *launcher, Err *err)
{
    cleanup_request Request r = {0};
    cleanup_build_result BuildResult result = {0};
    BuildEvents events = progress_events(s->quiet, s->dryrun);

    TRY(request_make(front, s, &r, err));
    r.build.launcher = launcher;
    r.build.events = &events;
    if (!s->dryrun)
        TRY(digest_files_check(&r.files, err));
    TRY(build_run(&r.build, &result, err));
    if (s->dryrun)
        return 0;
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

static int run_build_options(const Settings *s, Err *err)
{
    bool check;

    TRY(check_wanted(s, &check, err));
    return check ? check_run(s, err) : build_main(FRONT_BUILD, s, err);
}

static int run_executor_options(const Settings *s, Err *err)
{
    return build_main(FRONT_EXECUTOR, s, err);
}

static const CommandLine build_line = {FRONT_BUILD, build_usage, run_build_options,
                                       .launches = true};
static const CommandLine executor_line = {FRONT_EXECUTOR, executor_usage, run_executor_options,
                                          .launches = true};

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

static const Command *find_command(const Command *table, size_t n, Str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_from(table[i].name)))
            return &table[i];
    return NULL;
}

static int run_kiln_build(int argc, char **argv)
{
    return command_main(&build_line, argc, argv);
}

/* kaniko's sub-commands */
static const Command executor_commands[] = {
    {"push", NULL, push_main},
    {"login", NULL, login_main},
    {"version", NULL, run_version},
};

static int run_executor(int argc, char **argv)
{
    const Command *c =
        argc > 0 ? find_command(executor_commands, ARRAY_LEN(executor_commands), str_from(argv[0]))
                 : NULL;

    if (c)
        return c->run(argc - 1, argv + 1);
    return command_main(&executor_line, argc, argv);
}

static int run_help(int argc, char **argv);

static const Command commands[] = {
    {"build", "build an image from a Dockerfile", run_kiln_build},
    {"lint", "report what is unwise in a Dockerfile", lint_main},
    {"warm", "fetch base images into a directory that builds read", warm_main},
    {"prune", "make room in the kiln directory", prune_main},
    {"push", "push an image from a layout or an archive", push_main},
    {"index", "make a multi-platform index of images in registries", index_main},
    {"attach", "attach files to an image in a registry", attach_main},
    {"inspect", "show what a registry has under a name", inspect_main},
    {"login", "write credentials to config.json", login_main},
    {"logout", "remove them", logout_main},
    {"version", "print the version", run_version},
    {"help", "this text; 'kiln build --help' for the options of a command", run_help},
    {"--version", NULL, run_version},
    {"--help", NULL, run_help},
    {"-h", NULL, run_help},
};

static const Command programs[] = {
    {"executor", NULL, run_executor},
    {"warmer", NULL, warmer_main},
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
    return command_failed(&err);
}

int main(int argc, char **argv)
{
    const Command *program;

    if (argc < 1)
        return 1;
    mem_setup();
    argv = hide_arguments(argc, argv);
    guards_install();
    program = find_command(programs, ARRAY_LEN(programs), path_base(str_from(argv[0])));
    return program ? program->run(argc - 1, argv + 1) : run_kiln(argc - 1, argv + 1);
}
