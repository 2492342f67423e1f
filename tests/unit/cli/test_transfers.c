/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/transfers.h"
#include "test.h"

#define SECOND 1000 /* ms */
#define MB     ((uint64_t)1000000)

static int64_t at; /* the time */

/* stderr is the other end of this, for as long as a test looks at it. */
typedef struct Screen {
    int fd, was;
    char text[65536];
} Screen;

static void begin(Screen *s, int ours, int theirs)
{
    s->fd = ours;
    s->was = dup(STDERR_FILENO);
    CHECK(s->was >= 0 && dup2(theirs, STDERR_FILENO) >= 0);
    (void)close(theirs);
    transfers_begin(false);
    at += 100 * SECOND;
}

static void begin_pipe(Screen *s)
{
    int p[2];

    CHECK(pipe(p) == 0);
    begin(s, p[0], p[1]);
}

/* A terminal that changes nothing of what is written to it. */
static void begin_terminal(Screen *s, unsigned short columns)
{
    struct winsize w = {.ws_row = 24, .ws_col = columns};
    struct termios t;
    int ours = posix_openpt(O_RDWR | O_NOCTTY), theirs;

    CHECK(ours >= 0 && grantpt(ours) == 0 && unlockpt(ours) == 0);
    theirs = open(ptsname(ours), O_RDWR | O_NOCTTY);
    CHECK(theirs >= 0 && ioctl(theirs, TIOCSWINSZ, &w) == 0 && tcgetattr(theirs, &t) == 0);
    t.c_oflag &= ~(tcflag_t)OPOST;
    CHECK(tcsetattr(theirs, TCSANOW, &t) == 0);
    CHECK(unsetenv("CI") == 0 && setenv("TERM", "xterm", 1) == 0);
    begin(s, ours, theirs);
}

static bool waits(const Screen *s, int ms)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    return poll(&p, 1, ms) > 0;
}

/*
 * What has been written since the last look; something must have been. The kernel hands it over in
 * its own time.
 */
static Str seen(Screen *s)
{
    size_t n = 0;

    for (int ms = 10000; waits(s, ms); ms = 20) {
        ssize_t k = read(s->fd, s->text + n, sizeof(s->text) - n);

        CHECK(k > 0);
        n += (size_t)k;
    }
    return (Str){s->text, n};
}

static bool is_silent(const Screen *s)
{
    return !waits(s, 20);
}

static void end(Screen *s)
{
    transfers_end();
    CHECK(dup2(s->was, STDERR_FILENO) >= 0);
    (void)close(s->was);
    (void)close(s->fd);
}

static void told(const char *what, uint64_t done, uint64_t total)
{
    transfers_told_at(str_from(what), done, total, at);
}

TEST(short_ones_are_silent)
{
    Screen s;

    begin_pipe(&s);
    for (uint64_t n = 1; n <= 9; n++, at += SECOND)
        told("a", n * MB, 9 * MB);
    CHECK(is_silent(&s));
    end(&s);
}

TEST(long_ones_are_plain_lines)
{
    Screen s;

    begin_pipe(&s);
    for (uint64_t n = 0; n <= 25; n++, at += SECOND)
        told("a", n * 4 * MB, 100 * MB);
    CHECK_STR(seen(&s), S("a: 40.0 MB of 100 MB, 4.0 MB/s\na: 80.0 MB of 100 MB, 4.0 MB/s\n"
                          "a: 100 MB in 25.0s, 4.0 MB/s\n"));
    end(&s);
}

TEST(without_a_total_and_resumed)
{
    Screen s;

    begin_pipe(&s);
    for (uint64_t n = 50; n <= 61; n++, at += SECOND)
        told("b", n * MB, 0);
    told("b", 61 * MB, 61 * MB);
    CHECK_STR(seen(&s), S("b: 60.0 MB, 1.0 MB/s\nb: 61.0 MB in 12.0s, 917 kB/s\n"));
    end(&s);
}

TEST(begun_anew)
{
    Screen s;

    begin_pipe(&s);
    for (uint64_t n = 0; n < 9; n++, at += SECOND)
        told("c", n * MB, 0);
    for (uint64_t n = 0; n < 9; n++, at += SECOND)
        told("c", n * MB, 0);
    told("c", 9 * MB, 9 * MB);
    CHECK(is_silent(&s));
    end(&s);
}

TEST(a_line_on_a_terminal)
{
    Screen s;

    begin_terminal(&s, 80);
    told("pulling a/b 0123", MB, 50 * MB);
    CHECK(is_silent(&s));
    at += SECOND;
    told("pulling a/b 0123", 3 * MB, 50 * MB);
    CHECK(str_starts(seen(&s), S("\r\033[Kpulling a/b 0123: 3.0 MB of 50.0 MB, 2.0 MB/s\r")));
    log_line(LOG_INFO, "something else");
    CHECK(str_starts(seen(&s),
                     S("\r\033[Ksomething else\npulling a/b 0123: 3.0 MB of 50.0 MB, 2.0 MB/s\r")));
    told("pulling a/b 0123", 4 * MB, 50 * MB); /* too soon for another one */
    CHECK(is_silent(&s));
    at += SECOND;
    told("pulling a/b 0123", 50 * MB, 50 * MB);
    CHECK_STR(seen(&s), S("\r\033[K\r"));
    log_line(LOG_INFO, "next");
    CHECK_STR(seen(&s), S("next\n"));
    end(&s);
}

TEST(several_are_counted)
{
    Screen s;

    begin_terminal(&s, 80);
    for (int n = 0; n < 3; n++, at += SECOND) {
        told("one", (uint64_t)n * MB, 10 * MB);
        told("two", (uint64_t)n * 2 * MB, 20 * MB);
    }
    at += SECOND;
    told("one", 3 * MB, 10 * MB);
    CHECK(str_contains(seen(&s), S("2 transfers: 7.0 MB of 30.0 MB, ")));
    end(&s);
}

TEST(failed_ones_are_forgotten)
{
    Screen s;

    begin_terminal(&s, 80);
    told("gone", MB, 10 * MB);
    at += 20 * SECOND;
    for (int n = 0; n < 3; n++, at += SECOND)
        told("other", (uint64_t)n * MB, 10 * MB);
    CHECK(!str_contains(seen(&s), S("transfers")));
    end(&s);
}

/* Neither a row nor a control byte of a name is ever too much. */
TEST(narrow_terminals)
{
    static const char name[] = "https://host.example/\033[2J/some/rather/long/path/context.tar.gz";

    for (unsigned columns = 1; columns < 120; columns += columns < 50 ? 1 : 23) {
        Screen s;
        Str text, line;

        begin_terminal(&s, (unsigned short)columns);
        for (int n = 0; n < 3; n++, at += SECOND)
            told(name, (uint64_t)n * 111 * MB, 999 * MB);
        text = seen(&s);
        while (str_next(&text, '\r', &line)) {
            if (str_starts(line, S("\033[K")))
                line = str_skip(line, 3);
            CHECK(line.n < columns && !memchr(line.p, '\033', line.n));
        }
        end(&s);
    }
}

TEST(paused)
{
    Screen s;

    begin_terminal(&s, 80);
    for (int n = 0; n < 3; n++, at += SECOND)
        told("a", (uint64_t)n * MB, 10 * MB);
    (void)seen(&s);
    transfers_pause(true);
    CHECK_STR(seen(&s), S("\r\033[K\r"));
    told("a", 4 * MB, 10 * MB);
    CHECK(is_silent(&s));
    transfers_pause(false);
    at += SECOND;
    told("a", 5 * MB, 10 * MB);
    CHECK(str_contains(seen(&s), S("a: 5.0 MB of 10.0 MB")));
    end(&s);
}

TEST(no_terminal_in_ci)
{
    Screen s;

    begin_terminal(&s, 80);
    CHECK(setenv("CI", "true", 1) == 0);
    transfers_begin(false);
    for (int n = 0; n < 3; n++, at += SECOND)
        told("a", (uint64_t)n * MB, 10 * MB);
    CHECK(is_silent(&s));
    end(&s);
}

TEST_MAIN(T(short_ones_are_silent), T(long_ones_are_plain_lines), T(without_a_total_and_resumed),
          T(begun_anew), T(a_line_on_a_terminal), T(several_are_counted),
          T(failed_ones_are_forgotten), T(narrow_terminals), T(paused), T(no_terminal_in_ci))
