/* SPDX-License-Identifier: Apache-2.0 */
/* What a command finds, what it gives back, and what is left of it: real commands in namespaces. */
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "os/signal.h"
#include "sandbox/box.h"

static RunResult run(Box *b, Root *r, const char *const *argv)
{
    int fd = memfd_create("out", MFD_CLOEXEC);
    RunResult got = {0};
    Err err;

    CHECK_OK(box_exec(b, r, (RunSpec){0}, fd, &got, &err, argv));
    close_at(&fd);
    return got;
}

#define RUN(...) run(&b, r, (const char *[]){__VA_ARGS__, NULL})

TEST(exit_codes_and_signals)
{
    RunResult got;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    got = RUN("sh", "-c", "exit 0");
    CHECK(got.exit_code == 0 && got.term_signal == 0 && !got.not_found);
    got = RUN("sh", "-c", "exit 42");
    CHECK(got.exit_code == 42 && got.term_signal == 0);
    got = RUN("sh", "-c", "kill -9 $$"); /* a pid 1 could not */
    CHECK(got.exit_code == 137 && got.term_signal == 9);
    got = RUN("sh", "-c", "kill $$");
    CHECK(got.exit_code == 143 && got.term_signal == 15);
    box_close(&b);
}

TEST(what_cannot_be_executed_says_why)
{
    RunResult got;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    got = RUN("nonsense", "x");
    CHECK(got.not_found && got.exit_code == 127);
    CHECK_STR(str_from(got.detail), S("nonsense: not found in PATH=/bin:/sbin"));
    got = RUN("/no/such");
    CHECK(got.not_found && got.exit_code == 127);
    CHECK_STR(str_from(got.detail), S("/no/such: no such file"));
    got = RUN("");
    CHECK(got.not_found && got.exit_code == 127);

    box_write(r, "bin/plain", 0644, "data");
    got = RUN("plain");
    CHECK(got.not_found && got.exit_code == 126 && strstr(got.detail, "permission denied"));
    got = RUN("/bin");
    CHECK(got.not_found && got.exit_code == 126 && strstr(got.detail, "permission denied"));

    box_write(r, "bin/alien", 0755, "\177ELF of another world");
    got = RUN("alien");
    CHECK(got.not_found && got.exit_code == 126);
    CHECK(strstr(got.detail,
                 "/bin/alien: exec format error: is the base image for another platform?"));

    box_write(r, "bin/orphan", 0755, "#!/no/interpreter\n");
    got = RUN("orphan");
    CHECK(got.not_found && got.exit_code == 127 && strstr(got.detail, "interpreter"));
    box_close(&b);
}

/* Later directories of PATH are tried after one that may not be executed. */
TEST(path_is_searched_in_order)
{
    RunSpec spec = {0};
    StrVec env = {0};
    RunResult got;
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(mkdirat(r->fd, "first", 0755) == 0);
    box_write(r, "first/tool", 0644, "#!/bin/sh\nexit 1\n");
    box_write(r, "bin/tool", 0755, "#!/bin/sh\nexit 7\n");
    vec_push(&env, S("PATH=/missing:/first::/bin"));
    spec.env = &env;
    CHECK_OK(box_exec(&b, r, spec, STDERR_FILENO, &got, &err, (const char *[]){"tool", NULL}));
    CHECK(got.exit_code == 7);
    env.v[0] = S("HOME=/"); /* no PATH: the usual one */
    CHECK_OK(box_exec(&b, r, spec, STDERR_FILENO, &got, &err, (const char *[]){"tool", NULL}));
    CHECK(got.exit_code == 7);
    vec_done(&env);
    box_close(&b);
}

TEST(environment_and_descriptors_are_the_commands_own)
{
    cleanup_free char *text = NULL;
    RunResult got;
    int leak, fd;
    Root *r;
    Err err;
    Box b;

    CHECK(setenv("KILN_TEST_TOKEN", "hunter2", 1) == 0);
    leak = open("/dev/null", O_RDONLY); /* not close-on-exec, as a careless parent would leave it */
    if (!box_open(&b))
        return;
    r = box_root(&b);
    fd = memfd_create("out", MFD_CLOEXEC);
    CHECK_OK(box_exec(&b, r, (RunSpec){0}, fd, &got, &err, (const char *[]){"env", NULL}));
    text = box_output(fd);
    CHECK_STR(str_from(text), S("PATH=/bin:/sbin\nGREETING=hello\n"));
    close_at(&fd);
    /* 3 is the directory that ls reads */
    CHECK_SH(&b, r, "exec ls /proc/self/fd", "0\n1\n2\n3\n");
    CHECK_SH(&b, r, "cat; stat -L -c %t:%T /proc/self/fd/0", "1:3\n");
    CHECK_SH(&b, r,
             "for p in /proc/[0-9]*; do cat $p/environ; done 2>/dev/null | grep -c hunter2 || :",
             "0\n");
    CHECK_SH(&b, r, "cat /proc/1/environ 2>/dev/null | wc -c", "0\n");
    close_at(&leak);
    box_close(&b);
}

TEST(process_attributes)
{
    cleanup_free char *text = NULL;
    RunResult got;
    Root *r;
    Err err;
    Box b;
    int fd;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK_SH(&b, r, "umask; ulimit -c; pwd", "0022\n0\n/\n");
    /* without a shell: busybox's ignores SIGQUIT for its last command */
    fd = memfd_create("out", MFD_CLOEXEC);
    CHECK_OK(box_exec(&b, r, (RunSpec){0}, fd, &got, &err,
                      (const char *[]){"grep", "-E", "^(SigBlk|SigIgn|NoNewPrivs|CapInh|CapAmb)",
                                       "/proc/self/status", NULL}));
    text = box_output(fd);
    close_at(&fd);
    CHECK_STR(str_from(text),
              S("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n"));
    CHECK_SH(&b, r, "grep ^CapBnd /proc/self/status", "CapBnd:\t00000000a80425fb\n");
    /* session and process group of its own: the three are the same number */
    CHECK_SH(
        &b, r,
        "exec 3</proc/$$/stat; read pid comm state ppid pgrp sid rest <&3; [ $pid = $pgrp ] && [ $pid = $sid ] && echo own",
        "own\n");
    box_close(&b);
}

TEST(user_groups_and_directory)
{
    const uint32_t groups[] = {4, 50};
    RunSpec spec = {.uid = 1000, .gid = 100, .groups = groups, .n_groups = 2, .cwd = "/private"};
    cleanup_free char *text = NULL;
    RunResult got;
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(mkdirat(r->fd, "private", 0700) == 0);
    if (r->may_chown) {
        text = box_sh_as(&b, r, spec, "id; pwd; grep ^CapEff /proc/self/status");
        CHECK_STR(str_from(text),
                  S("uid=1000 gid=100 groups=4,50\n/private\nCapEff:\t0000000000000000\n"));
    } else {
        CHECK_ERR(box_exec(&b, r, spec, 2, &got, &err, (const char *[]){"id", NULL}),
                  ERR_UNSUPPORTED, "/etc/subuid");
        printf("skip: a user namespace with one id has no user 1000\n");
    }
    CHECK_ERR(box_exec(&b, r, (RunSpec){.cwd = "/missing"}, 2, &got, &err,
                       (const char *[]){"id", NULL}),
              ERR_SYS, "working directory /missing");
    CHECK_ERR(box_exec(&b, r, (RunSpec){0}, 2, &got, &err, (const char *[]){NULL}), ERR_USAGE,
              "no command");
    box_close(&b);
}

/* A pipe made by root can be opened again by the command's user, as nginx images do with their logs. */
TEST(another_user_can_open_dev_stdout)
{
    RunSpec spec = {.uid = 1000, .gid = 1000};
    RunResult got;
    char text[8];
    int pair[2];
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(pipe2(pair, O_CLOEXEC) == 0);
    if (r->may_chown) {
        CHECK_OK(box_exec(&b, r, spec, pair[1], &got, &err,
                          (const char *[]){"sh", "-c", "echo hi >/dev/stdout", NULL}));
        CHECK(got.exit_code == 0 && read(pair[0], text, sizeof(text)) == 3 &&
              memcmp(text, "hi\n", 3) == 0);
    }
    close_at(&pair[0]);
    close_at(&pair[1]);
    box_close(&b);
}

TEST(set_user_id_programs_work)
{
    RunSpec spec = {.uid = 1000, .gid = 1000};
    cleanup_free char *text = NULL;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    if (r->may_chown) {
        CHECK(fchmodat(r->fd, "bin/busybox", 04755, 0) == 0);
        text = box_sh_as(&b, r, spec, "exec grep ^Uid: /proc/self/status");
        /* busybox gives the rights back where it can; the saved id shows that it had them */
        CHECK(strstr(text, "\t0") || strstr(text, "1000\t1000\t1000"));
    }
    box_close(&b);
}

/* Whoever holds the pipe open is alive. */
TEST(nothing_survives_the_command)
{
    RunResult got;
    int pair[2];
    Root *r;
    Err err;
    Box b;
    char byte;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(pipe2(pair, O_CLOEXEC) == 0);
    CHECK_OK(box_exec(
        &b, r, (RunSpec){0}, pair[1], &got, &err,
        (const char *[]){"sh", "-c",
                         "(setsid sh -c 'trap \"\" TERM HUP; sleep 1000' &) ; sleep 1000 & exit 3",
                         NULL}));
    CHECK(got.exit_code == 3);
    close_at(&pair[1]);
    CHECK(read(pair[0], &byte, 1) == 0);
    close_at(&pair[0]);
    box_close(&b);
}

TEST(network_none_has_only_loopback)
{
    cleanup_free char *text = NULL;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    text = box_sh_as(
        &b, r, (RunSpec){.network = RUN_NETWORK_NONE},
        "while read name rest; do case $name in Inter*|face*|lo:*) ;; *) echo $name ;; esac; done </proc/net/dev;"
        "wc -l </proc/net/route; grep -c ' lo$' /proc/net/if_inet6 || :");
    CHECK(strstr(text, "1\n") == text); /* the heading of the empty table of routes */
    box_close(&b);
}

TEST(a_request_may_be_large)
{
    cleanup_free char *big = NEW_N(char, 120001);
    RunResult got;
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    memset(big, 'x', 120000);
    CHECK_OK(box_exec(&b, r, (RunSpec){0}, 2, &got, &err,
                      (const char *[]){"sh", "-c", "[ ${#1} = 120000 ] && [ ${#4} = 120000 ]", "sh",
                                       big, big, big, big, NULL}));
    CHECK(got.exit_code == 0);
    box_close(&b);
}

static void *wait_for_flag(void *arg)
{
    Box *b = ((void **)arg)[0];
    Root *r = ((void **)arg)[1];

    free(box_sh(b, r, "until [ -e /flag ]; do sleep 0.02; done"));
    return NULL;
}

/* The first run ends only after the second has: one after the other they would never. */
TEST(runs_in_parallel)
{
    Root *first, *second;
    pthread_t thread;
    Box b;

    if (!box_open(&b))
        return;
    CHECK(sandbox_parallel(b.sandbox));
    first = box_root(&b);
    second = box_root(&b);
    CHECK(pthread_create(&thread, NULL, wait_for_flag, (void *[]){&b, first}) == 0);
    CHECK_SH(&b, second, "echo done", "done\n");
    box_write(first, "flag", 0644, "");
    CHECK(pthread_join(thread, NULL) == 0);
    root_free(b.sandbox, first);
    box_close(&b);
}

/* ---- stopping; each in a process of its own, because a caught signal stays caught ---- */

static void *signal_when_running(void *arg)
{
    char byte;

    CHECK(read(*(int *)arg, &byte, 1) == 1);
    CHECK(kill(getpid(), SIGTERM) == 0);
    return NULL;
}

static _Noreturn void child_cancelled(const char *script)
{
    pthread_t thread;
    RunResult got;
    int pair[2];
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b)) {
        fflush(stdout);
        _exit(0);
    }
    CHECK_OK(signals_install(&err));
    r = box_root(&b);
    CHECK(pipe2(pair, O_CLOEXEC) == 0);
    CHECK(pthread_create(&thread, NULL, signal_when_running, &pair[0]) == 0);
    CHECK_ERR(box_exec(&b, r, (RunSpec){0}, pair[1], &got, &err,
                       (const char *[]){"sh", "-c", script, NULL}),
              ERR_CANCELLED, "SIGTERM");
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_ERR(box_exec(&b, r, (RunSpec){0}, pair[1], &got, &err,
                       (const char *[]){"sh", "-c", "touch /ran", NULL}),
              ERR_CANCELLED, "SIGTERM");
    CHECK(faccessat(r->fd, "ran", F_OK, 0) < 0);
    box_close(&b);
    _exit(0);
}

static void in_child(void (*body)(const char *), const char *arg)
{
    int status;
    pid_t pid;

    fflush(stdout); /* or the child writes it, too */
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        body(arg);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void cancelled(const char *script)
{
    child_cancelled(script);
}

TEST(a_signal_stops_the_command)
{
    in_child(cancelled, "echo; sleep 1000");
    in_child(
        cancelled,
        "trap '' TERM; echo; while :; do sleep 1000; done"); /* takes SIGKILL, two seconds later */
    in_child(cancelled, "(trap '' TERM; setsid sleep 1000) & trap 'exit 0' TERM; echo; wait");
}

/* The builder is killed; its command must not live on, and the next builder clears its directory away. */
TEST(a_killed_builder_leaves_nothing_running)
{
    int alive[2], status;
    char byte, dir[64] = {0};
    Launcher *l;
    Sandbox *s;
    Err err;
    pid_t pid;
    struct stat st;

    if (!box_has_busybox())
        return;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, alive) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        RunResult got;
        Root *r;
        Box b;

        close_at(&alive[0]);
        if (!box_open(&b)) {
            fflush(stdout);
            _exit(1);
        }
        r = box_root(&b);
        CHECK(write(alive[1], b.dir, sizeof(b.dir)) == sizeof(b.dir));
        (void)!box_exec(&b, r, (RunSpec){0}, alive[1], &got, &err,
                        (const char *[]){"sh", "-c", "(setsid sleep 1000 &); echo; sleep 1000",
                                         NULL});
        _exit(1);
    }
    close_at(&alive[1]);
    if (read(alive[0], dir, sizeof(dir)) != sizeof(dir)) { /* it has printed why */
        CHECK(waitpid(pid, NULL, 0) == pid);
        return;
    }
    CHECK(read(alive[0], &byte, 1) == 1); /* the command runs */
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(read(alive[0], &byte, 1) == 0); /* everyone who had the other end is gone */
    close_at(&alive[0]);

    CHECK_OK(userns_enter(&err));
    CHECK_OK(launcher_start(&l, &err));
    CHECK_OK(sandbox_open(&(SandboxOpts){.kind = "namespaces", .kiln_dir = dir}, l, &s, &err));
    {
        char roots[80];

        (void)snprintf(roots, sizeof(roots), "%s/roots", dir);
        CHECK(stat(roots, &st) == 0 && st.st_nlink == 3); /* ".", ".." and the new one's */
    }
    sandbox_free(s);
    launcher_stop(l);
    CHECK_OK(dir_remove_all(AT_FDCWD, dir, &err));
}

TEST(unknown_kinds_and_directories_are_refused)
{
    Sandbox *s;
    Err err;

    CHECK_ERR(sandbox_open(&(SandboxOpts){.kind = "jail", .kiln_dir = "/tmp"}, NULL, &s, &err),
              ERR_USAGE, "jail");
    CHECK_ERR(sandbox_open(&(SandboxOpts){.kind = "auto", .kiln_dir = "tmp"}, NULL, &s, &err),
              ERR_USAGE, "absolute");
}

TEST_MAIN(T(exit_codes_and_signals), T(what_cannot_be_executed_says_why),
          T(path_is_searched_in_order), T(environment_and_descriptors_are_the_commands_own),
          T(process_attributes), T(user_groups_and_directory), T(another_user_can_open_dev_stdout),
          T(set_user_id_programs_work), T(nothing_survives_the_command),
          T(network_none_has_only_loopback), T(a_request_may_be_large), T(runs_in_parallel),
          T(a_signal_stops_the_command), T(a_killed_builder_leaves_nothing_running),
          T(unknown_kinds_and_directories_are_refused))
