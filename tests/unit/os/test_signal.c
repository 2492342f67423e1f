/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>

#include "os/fd.h"
#include "os/signal.h"
#include "scratch.h"

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void first_and_second(void *arg)
{
    Err err;

    (void)arg;
    signals_reset(); /* nohup may have left some ignored */
    CHECK(signal_fd() == -1);
    CHECK_OK(signals_install(&err));
    CHECK_OK(signals_install(&err)); /* again changes nothing */
    CHECK(signal_caught() == 0 && !readable(signal_fd()));
    CHECK_OK(signal_check(&err));
    CHECK(raise(SIGTERM) == 0);
    CHECK(signal_caught() == SIGTERM);
    CHECK(readable(signal_fd()) && readable(signal_fd()));
    CHECK_ERR(signal_check(&err), ERR_CANCELLED, "stopped by SIGTERM");
    CHECK(raise(SIGINT) == 0);
    CHECK(signal_caught() == SIGTERM); /* the first one is what is told */
}

static void third(void *arg)
{
    Err err;

    (void)arg;
    signals_reset(); /* nohup may have left some ignored */
    CHECK_OK(signals_install(&err));
    for (int i = 0; i < 2; i++)
        CHECK(raise(SIGINT) == 0);
    (void)raise(SIGHUP);
}

TEST(the_first_is_told_and_the_third_kills)
{
    int status;

    in_child(first_and_second, NULL);
    status = child_status(third, NULL);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
}

static void stop(void *arg)
{
    Err err;

    (void)arg;
    signals_reset(); /* nohup may have left some ignored */
    CHECK_OK(signals_install(&err));
    signal_stop();
    CHECK(readable(signal_fd()));
    CHECK_ERR(signal_check(&err), ERR_CANCELLED, "stopped");
    CHECK(signal_caught() == 0);
    CHECK(raise(SIGINT) == 0);
    CHECK_ERR(signal_check(&err), ERR_CANCELLED, "stopped by SIGINT");
}

/* The way out of a build in place moves the container's files back; nothing may stop that. */
static void copy_after_a_signal(void *arg)
{
    cleanup_scratch Scratch s = scratch_new();
    int from = openat(s.fd, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int to = openat(s.fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char got[4];
    Err err;

    (void)arg;
    signals_reset(); /* nohup may have left some ignored */
    CHECK_OK(signals_install(&err));
    CHECK(write(from, "text", 4) == 4 && raise(SIGTERM) == 0);
    CHECK_OK(fd_copy_file(from, to, &err));
    CHECK(pread(to, got, 4, 0) == 4 && memcmp(got, "text", 4) == 0);
    close(from);
    close(to);
}

TEST(files_are_copied_after_a_signal)
{
    in_child(copy_after_a_signal, NULL);
}

TEST(stopped_without_a_signal)
{
    in_child(stop, NULL);
}

static void nohup(void *arg)
{
    Err err;

    (void)arg;
    CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    CHECK_OK(signals_install(&err));
    CHECK(raise(SIGHUP) == 0);
    CHECK(signal_caught() == 0);
}

static void interrupted(void *arg)
{
    struct sigaction sa;
    struct pollfd p = {.fd = -1};
    sigset_t block, before;
    struct timespec forever = {.tv_sec = 1000};
    Err err;

    (void)arg;
    signals_reset(); /* nohup may have left some ignored */
    CHECK_OK(signals_install(&err));
    CHECK(sigaction(SIGTERM, NULL, &sa) == 0 && !(sa.sa_flags & SA_RESTART));
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGTERM);
    CHECK(sigprocmask(SIG_BLOCK, &block, &before) == 0);
    CHECK(raise(SIGTERM) == 0); /* pending: comes with the wait, and must end it */
    CHECK(ppoll(&p, 1, &forever, &before) < 0 && errno == EINTR);
    CHECK(signal_caught() == SIGTERM);
}

TEST(ignored_stays_ignored_and_calls_are_interrupted)
{
    in_child(nohup, NULL);
    in_child(interrupted, NULL);
}

static void broken_pipe(void *arg)
{
    int fds[2];
    Err err;

    (void)arg;
    CHECK_OK(signals_install(&err));
    CHECK(pipe(fds) == 0 && close(fds[0]) == 0);
    CHECK(write(fds[1], "x", 1) < 0 && errno == EPIPE);
}

TEST(a_broken_pipe_is_an_error_and_no_death)
{
    in_child(broken_pipe, NULL);
}

static void reset(void *arg)
{
    struct sigaction sa;
    sigset_t mask;
    Err err;

    (void)arg;
    CHECK_OK(signals_install(&err));
    (void)sigfillset(&mask);
    CHECK(sigprocmask(SIG_SETMASK, &mask, NULL) == 0);
    signals_reset();
    CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
    for (int i = 1; i < 32; i++) {
        CHECK(!sigismember(&mask, i));
        CHECK(sigaction(i, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
    }
    (void)raise(SIGTERM);
}

TEST(reset_makes_an_ordinary_process)
{
    int status = child_status(reset, NULL);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST_MAIN(T(stopped_without_a_signal), T(files_are_copied_after_a_signal),
          T(the_first_is_told_and_the_third_kills),
          T(ignored_stays_ignored_and_calls_are_interrupted),
          T(a_broken_pipe_is_an_error_and_no_death), T(reset_makes_an_ordinary_process))
