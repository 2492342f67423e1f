/* SPDX-License-Identifier: Apache-2.0 */
/* hide.h and kill.h on processes of this test's own, and the signs of a container. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "os/file.h"
#include "sandbox/hide.h"
#include "sandbox/kill.h"
#include "sandbox/proc.h"
#include "sandbox/sandbox.h"
#include "test.h"

/* ---- hide ---- */

static char *read_proc(pid_t pid, const char *name)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    char path[64];
    Err err;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    CHECK_OK(file_read(AT_FDCWD, path, &text, &err));
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\0')
            text.p[i] = ' ';
    return xstrdup(buf_z(&text));
}

/* This program again, with a secret in its environment and its command line, both of which it then hides, the way HIDE says. */
static _Noreturn void child_with_secret(int ready, const char *way)
{
    static char token[] = "TOKEN=hunter2";
    char fd[16], hide[32];

    (void)snprintf(hide, sizeof(hide), "HIDE=%s", way);
    (void)snprintf(fd, sizeof(fd), "%d", ready);
    (void)fcntl(ready, F_SETFD, 0);
    (void)execle("/proc/self/exe", "test", "--secret-argument", fd, NULL,
                 (char *[]){token, hide, NULL});
    _exit(1);
}

static _Noreturn void hide_and_wait(int ready)
{
    hide_process("kiln: test");
    CHECK(!getenv("TOKEN"));
    CHECK(write(ready, "", 1) == 1);
    (void)pause();
    _exit(0);
}

/* They are still there for the program itself. */
static _Noreturn void hide_arguments_and_wait(int argc, char **argv)
{
    char **args = hide_arguments(argc, argv);

    CHECK(strcmp(args[0], "test") == 0 && strcmp(args[1], "--secret-argument") == 0 && !args[3]);
    CHECK(getenv("TOKEN") && strcmp(getenv("TOKEN"), "hunter2") == 0);
    CHECK(write((int)strtol(args[2], NULL, 10), "", 1) == 1);
    (void)pause();
    _exit(0);
}

/* Run before main: argv is not passed to tests. */
static __attribute__((constructor)) void become_the_hider(int argc, char **argv)
{
    const char *way = getenv("HIDE");

    if (argc == 3 && way && strcmp(way, "process") == 0)
        hide_and_wait((int)strtol(argv[2], NULL, 10));
    if (argc == 3 && way && strcmp(way, "arguments") == 0)
        hide_arguments_and_wait(argc, argv);
}

static void check_hidden(const char *way, const char *title)
{
    cleanup_free char *env = NULL, *args = NULL;
    int ready[2];
    char byte;
    pid_t pid;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0)
        child_with_secret(ready[1], way);
    close_at(&ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    env = read_proc(pid, "environ");
    args = read_proc(pid, "cmdline");
    CHECK(!strstr(env, "hunter2") && !strstr(env, "TOKEN"));
    CHECK(!strstr(args, "secret") && strncmp(args, title, strlen(title)) == 0);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    close_at(&ready[0]);
}

TEST(environment_and_arguments_are_wiped)
{
    check_hidden("process", "kiln: test");
}

TEST(environment_and_arguments_are_moved)
{
    check_hidden("arguments", "test ");
}

/* ---- proc ---- */

TEST(stat_of_a_process_with_a_nasty_name)
{
    ProcStat st;

    CHECK(prctl(PR_SET_NAME, "a) R (1 2", 0, 0, 0) == 0);
    CHECK(proc_stat_read(AT_FDCWD, "/proc/self", &st));
    CHECK(st.state == 'R' && st.field[PROC_PPID] == (uint64_t)getppid());
    CHECK(st.field[PROC_SESSION] == (uint64_t)getsid(0));
    CHECK(!proc_stat_read(AT_FDCWD, "/proc/no-such", &st));
}

TEST(identity_maps)
{
    Str rest = S("         0       1000          1\n         1     100000      65536\nnonsense\n");
    IdMapLine line;

    CHECK(id_map_next(&rest, &line) && line.inside == 0 && line.outside == 1000 && line.count == 1);
    CHECK(id_map_next(&rest, &line) && line.inside == 1 && line.outside == 100000 &&
          line.count == 65536);
    CHECK(!id_map_next(&rest, &line));
}

/* ---- kill ---- */

/* A process that has left its session, its group and its parent, holds 'alive' open and ignores what can be ignored. */
static void spawn_orphan(int alive)
{
    pid_t pid = fork();

    if (pid != 0) {
        CHECK(waitpid(pid, NULL, 0) == pid);
        return;
    }
    (void)setsid();
    if (fork() == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        CHECK(write(alive, "", 1) == 1);
        for (;;)
            (void)pause();
    }
    _exit(0);
}

static _Noreturn void child_subreaper(int alive, int n)
{
    Descendants d;
    sigset_t chld;

    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    CHECK(sigprocmask(SIG_BLOCK, &chld, NULL) == 0);
    descendants_watch(&d, false);
    for (int i = 0; i < n; i++)
        spawn_orphan(alive);
    descendants_kill_all(&d);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    _exit(0);
}

TEST(orphans_are_killed_too)
{
    enum {
        N = 20
    };
    int pair[2], status;
    char bytes[N + 1];
    ssize_t n = 0, k;
    pid_t pid;

    CHECK(pipe2(pair, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0)
        child_subreaper(pair[1], N);
    close_at(&pair[1]);
    while ((k = read(pair[0], bytes + n, sizeof(bytes) - (size_t)n)) >
           0) /* until nobody has it open any more */
        n += k;
    CHECK(k == 0 && n <= N);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close_at(&pair[0]);
}

/* Those that are kept live on, and so does what is below them. */
TEST(some_are_spared)
{
    PidVec keep = {0};
    pid_t spared, other;
    Descendants d;
    int status;

    descendants_watch(&d, false);
    spared = fork();
    if (spared == 0)
        for (;;)
            (void)pause();
    other = fork();
    if (other == 0)
        for (;;)
            (void)pause();
    vec_push(&keep, spared);
    descendants_kill(&d, SIGKILL, &keep);
    CHECK(waitpid(other, &status, 0) == other && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGKILL);
    CHECK(waitpid(spared, &status, WNOHANG) == 0);
    CHECK(kill(spared, SIGKILL) == 0 && waitpid(spared, &status, 0) == spared);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0);
    descendants_done(&d);
    vec_done(&keep);
}

/* ---- container ---- */

TEST(signs_of_a_container)
{
    const char *sign;

    (void)unsetenv("container");
    (void)unsetenv("KUBERNETES_SERVICE_HOST");
    sign = container_sign();
    if (access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0)
        CHECK(sign);
    CHECK(setenv("container", "", 1) == 0);
    CHECK(container_sign() == sign); /* empty says nothing */
    CHECK(setenv("container", "podman", 1) == 0);
    CHECK(container_sign() && (sign || strstr(container_sign(), "container")));
    CHECK(unsetenv("container") == 0);
}

TEST_MAIN(T(stat_of_a_process_with_a_nasty_name), T(identity_maps),
          T(environment_and_arguments_are_wiped), T(environment_and_arguments_are_moved),
          T(orphans_are_killed_too), T(some_are_spared), T(signs_of_a_container))
