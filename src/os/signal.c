/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler stores the number of the first signal and makes an eventfd readable for good; whoever
 * waits polls that descriptor too. Handlers are installed without SA_RESTART, so that the thread
 * that is interrupted comes out of its system call and looks.
 */
#include "os/signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

enum {
    SIGNALS_TO_KILL = 3
};

static const struct {
    int number;
    const char *name;
} caught_signals[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};

static atomic_int first_signal;
static atomic_int signal_count;
static atomic_bool stopped; /* by signal_stop() */
static atomic_int event_fd = -1;

static void wake_all(void)
{
    const uint64_t one = 1;
    ssize_t k = write(atomic_load(&event_fd), &one, sizeof(one));

    (void)k; /* a full counter is readable too */
}

static void on_signal(int number)
{
    int saved = errno, none = 0;

    (void)atomic_compare_exchange_strong(&first_signal, &none, number);
    if (atomic_fetch_add(&signal_count, 1) + 1 >= SIGNALS_TO_KILL) {
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* blocked in here: takes effect on return */
    } else {
        wake_all();
    }
    errno = saved;
}

static int install_one(int number, Err *err)
{
    struct sigaction now, sa = {.sa_handler = on_signal};

    if (sigaction(number, NULL, &now) < 0)
        return err_sys(err, "sigaction");
    if (now.sa_handler == SIG_IGN)
        return 0; /* nohup, or a shell's background job: what the parent ignored stays so */
    (void)sigfillset(&sa.sa_mask);
    if (sigaction(number, &sa, NULL) < 0)
        return err_sys(err, "sigaction");
    return 0;
}

int signals_install(Err *err)
{
    cleanup_close int fd = -1;

    if (signal_fd() >= 0)
        return 0;
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_sys(err, "eventfd");
    atomic_store(&event_fd, steal_fd(&fd));
    for (size_t i = 0; i < ARRAY_LEN(caught_signals); i++)
        TRY(install_one(caught_signals[i].number, err));
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_sys(err, "ignore SIGPIPE");
    return 0;
}

int signal_fd(void)
{
    return atomic_load(&event_fd);
}

int signal_caught(void)
{
    return atomic_load(&first_signal);
}

int signal_check(Err *err)
{
    int number = signal_caught();

    if (number == 0 && atomic_load(&stopped))
        return err_set(err, ERR_CANCELLED, "stopped");
    if (number == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(caught_signals); i++)
        if (caught_signals[i].number == number)
            return err_set(err, ERR_CANCELLED, "stopped by %s", caught_signals[i].name);
    return err_set(err, ERR_CANCELLED, "stopped by signal %d", number);
}

void signal_stop(void)
{
    atomic_store(&stopped, true);
    wake_all();
}

void signals_reset(void)
{
    const struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &dfl, NULL); /* refused for SIGKILL, SIGSTOP and libc's own two */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
