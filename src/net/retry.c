/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again, and how long to wait before. */
#include <poll.h>
#include <sys/random.h>
#include <time.h>

#include "base/num.h"
#include "net/internal.h"
#include "os/signal.h"

enum {
    PAUSE_MAX_MS = 30000,
    RETRY_AFTER_MAX_MS = 60000,
    HURRIED_RETRIES = 2,
    HURRIED_TRY_MS = 1000, /* an attempt that took longer is not repeated */
    LOOK_MS = 50,          /* how often a sleeper looks whether there is a hurry */
};

int64_t net_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool http_status_is_temporary(int status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}

/* Full jitter: many builders that were refused together must not come back together. */
unsigned http_backoff_ms(unsigned base_ms, unsigned attempt)
{
    uint64_t bound = base_ms;
    uint32_t dice = 0;

    while (attempt-- > 0 && bound < PAUSE_MAX_MS)
        bound *= 2;
    if (bound > PAUSE_MAX_MS)
        bound = PAUSE_MAX_MS;
    if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice))
        dice = (uint32_t)net_now_ms() * 2654435761u;
    return (unsigned)(dice % (bound + 1));
}

unsigned retry_after_ms(const HttpAnswer *a)
{
    Str value = http_header(a, "retry-after");
    uint64_t seconds;
    time_t when, now = time(NULL);

    if (value.n == 0)
        return 0;
    if (!num_parse_u64(value, UINT32_MAX, &seconds)) {
        cleanup_free char *z = str_dup(value);

        when = curl_getdate(z, NULL); /* the HTTP-date form */
        seconds = when > now ? (uint64_t)(when - now) : 0;
    }
    return seconds >= RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : (unsigned)seconds * 1000;
}

bool haste_has_come(const Haste *h)
{
    return (h->hurry && atomic_load(h->hurry)) || (h->from_ms && net_now_ms() >= h->from_ms);
}

bool haste_ends(const Haste *h, unsigned failures, int64_t took_ms)
{
    return haste_has_come(h) && (failures > HURRIED_RETRIES || took_ms > HURRIED_TRY_MS);
}

int haste_pause(const Haste *h, unsigned ms, Err *err)
{
    int64_t end = net_now_ms() + ms;
    bool hurried = false;

    for (;;) {
        struct pollfd p = {.fd = signal_fd(), .events = POLLIN};
        int64_t now = net_now_ms(), left;

        TRY(signal_check(err));
        if (!hurried && haste_has_come(h)) {
            hurried = true;
            end = end < now + HURRIED_PAUSE_MS ? end : now + HURRIED_PAUSE_MS;
        }
        left = end - now;
        if (left <= 0)
            return 0;
        if ((h->hurry || h->from_ms) && !hurried && left > LOOK_MS)
            left = LOOK_MS;
        (void)poll(&p, 1, (int)left); /* a negative fd is passed over */
    }
}

bool http_is_hurried(const atomic_bool *hurry)
{
    return haste_has_come(&(Haste){.hurry = hurry});
}

bool http_hurry_ends(const atomic_bool *hurry, unsigned failures, int64_t took_ms)
{
    return haste_ends(&(Haste){.hurry = hurry}, failures, took_ms);
}

int http_pause(unsigned ms, const atomic_bool *hurry, Err *err)
{
    return haste_pause(&(Haste){.hurry = hurry}, ms, err);
}
