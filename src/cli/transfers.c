/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/transfers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

enum {
    MOST = 64, /* at a time; further ones are silent */
    NAME_MAX_SHOWN = 160,
    NAME_LEAST = 12, /* columns; a shorter piece of a name says nothing */
    SHORT_MS = 1000, /* not worth a line */
    DRAW_MS = 200,
    TELL_MS = 10000,
    SILENT_MS = 10000, /* not heard of for so long: it has failed, or will begin anew */
    COLUMNS = 80,      /* of a terminal that does not say */
};

typedef struct Transfer {
    uint64_t hash; /* of its name; 0 = none */
    char name[NAME_MAX_SHOWN + 1];
    uint64_t first, done, total; /* 'first' was there when it began; total 0 = unknown */
    int64_t begun_ms, heard_ms, said_ms;
} Transfer;

static struct {
    pthread_mutex_t lock;
    bool terminal, paused;
    Transfer v[MOST];
    uint64_t moved; /* bytes since it was drawn last */
    uint64_t rate;  /* bytes a second, of all together, smoothed */
    int64_t drawn_ms;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void transfers_begin(bool plain)
{
    const char *term = getenv("TERM"), *ci = getenv("CI");

    all.terminal = !plain && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0 &&
                   !(ci && *ci);
}

/* --- the table --- */

static bool is_alive(const Transfer *t, int64_t now)
{
    return t->hash && now - t->heard_ms < SILENT_MS;
}

static void start(Transfer *t, uint64_t done, int64_t now)
{
    t->first = t->done = done;
    t->begun_ms = t->said_ms = now;
}

/* After a pause, what was measured before it says nothing. */
static void wake(int64_t now)
{
    for (size_t i = 0; i < MOST; i++)
        if (is_alive(&all.v[i], now))
            return;
    all.rate = all.moved = 0;
    all.drawn_ms = now;
}

static Transfer *find(Str what, uint64_t done, int64_t now)
{
    uint64_t hash = str_hash(what) | 1;
    Transfer *free_one = NULL;

    for (size_t i = 0; i < MOST; i++) {
        if (all.v[i].hash == hash)
            return &all.v[i];
        if (!free_one && !is_alive(&all.v[i], now))
            free_one = &all.v[i];
    }
    if (!free_one)
        return NULL;
    wake(now);
    free_one->hash = hash;
    (void)snprintf(free_one->name, sizeof(free_one->name), STR_FMT, STR_ARG(what));
    start(free_one, done, now);
    return free_one;
}

static uint64_t per_second(uint64_t bytes, int64_t took_ms)
{
    return took_ms > 0 ? bytes * 1000 / (uint64_t)took_ms : 0;
}

/* --- plain lines --- */

static void tell(Transfer *t, int64_t now)
{
    uint64_t rate = per_second(t->done - t->first, now - t->begun_ms);

    t->said_ms = now;
    if (t->total)
        log_line(LOG_INFO, "%s: %s of %s, %s/s", t->name, num_format_bytes(t->done).z,
                 num_format_bytes(t->total).z, num_format_bytes(rate).z);
    else
        log_line(LOG_INFO, "%s: %s, %s/s", t->name, num_format_bytes(t->done).z,
                 num_format_bytes(rate).z);
}

static void finish(Transfer *t, int64_t now)
{
    int64_t took = now - t->begun_ms;

    if (took >= TELL_MS)
        log_line(LOG_INFO, "%s: %s in %s, %s/s", t->name, num_format_bytes(t->done).z,
                 num_format_seconds(took * 1000000).z,
                 num_format_bytes(per_second(t->done - t->first, took)).z);
    t->hash = 0;
}

/* --- the line on a terminal --- */

static size_t columns(void)
{
    struct winsize w = {0};

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : COLUMNS;
}

/* The figures matter more than the name; the last column stays free: some terminals wrap there. */
static void compose(const char *name, uint64_t done, uint64_t total, Buf *out)
{
    cleanup_buf Buf figures = BUF_INIT(BUF_SMALL);
    size_t room = columns() - 1, n = strlen(name);

    buf_add_z(&figures, num_format_bytes(done).z);
    if (total)
        buf_addf(&figures, " of %s", num_format_bytes(total).z);
    buf_addf(&figures, ", %s/s", num_format_bytes(all.rate).z);
    if (figures.n + 2 + NAME_LEAST <= room) {
        size_t left = room - figures.n - 2;

        if (n <= left)
            buf_addf(out, "%s: ", name);
        else
            buf_addf(out, "%.*s...: ", (int)left - 3, name);
    }
    buf_append(out, figures.p, figures.n < room ? figures.n : room);
}

static void measure(int64_t now)
{
    uint64_t rate = per_second(all.moved, now - all.drawn_ms);

    all.rate = all.rate ? (all.rate * 7 + rate) / 8 : rate;
    all.moved = 0;
    all.drawn_ms = now;
}

static void draw(int64_t now)
{
    cleanup_buf Buf line = BUF_INIT(BUF_SMALL);
    const Transfer *last = NULL;
    uint64_t done = 0, total = 0;
    bool all_known = true;
    unsigned n = 0;
    char several[32];

    measure(now);
    for (size_t i = 0; i < MOST; i++) {
        const Transfer *t = &all.v[i];

        if (!is_alive(t, now) || now - t->begun_ms < SHORT_MS)
            continue;
        last = t;
        n++;
        done += t->done;
        total += t->total;
        all_known = all_known && t->total;
    }
    (void)snprintf(several, sizeof(several), "%u transfers", n);
    if (last)
        compose(n == 1 ? last->name : several, done, all_known ? total : 0, &line);
    log_status(buf_z(&line));
}

/* --- the calls --- */

void transfers_told(Str what, uint64_t done, uint64_t total)
{
    transfers_told_at(what, done, total, clock_ms());
}

void transfers_told_at(Str what, uint64_t done, uint64_t total, int64_t now)
{
    bool ends = total && done >= total;
    Transfer *t;

    (void)pthread_mutex_lock(&all.lock);
    t = find(what, ends ? 0 : done, now);
    if (t) {
        if (done < t->done)
            start(t, done, now);
        all.moved += done - t->done;
        t->done = done;
        t->total = total;
        t->heard_ms = now;
        if (ends)
            finish(t, now);
        else if (!all.terminal && now - t->said_ms >= TELL_MS)
            tell(t, now);
    }
    if (all.terminal && !all.paused && (ends || now - all.drawn_ms >= DRAW_MS))
        draw(now);
    (void)pthread_mutex_unlock(&all.lock);
}

void transfers_pause(bool paused)
{
    (void)pthread_mutex_lock(&all.lock);
    all.paused = paused;
    if (paused)
        log_status("");
    (void)pthread_mutex_unlock(&all.lock);
}

void transfers_end(void)
{
    (void)pthread_mutex_lock(&all.lock);
    all.terminal = false;
    log_status("");
    (void)pthread_mutex_unlock(&all.lock);
}
