/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "net/internal.h"
#include "test.h"

static unsigned after(const char *line)
{
    cleanup_http_answer HttpAnswer a = {0};

    CHECK(answer_add_line(&a, str_from(line)));
    return retry_after_ms(&a);
}

TEST(reads_retry_after)
{
    char date[64];
    time_t soon = time(NULL) + 3000;

    CHECK(after("Retry-After: 7") == 7000);
    CHECK(after("retry-after:0") == 0);
    CHECK(after("Retry-After: 3600") == 60000);
    CHECK(after("Retry-After: 99999999999999999999") == 0);
    CHECK(after("Retry-After: -1") == 0);
    CHECK(after("Retry-After: soon") == 0);
    CHECK(after("X: 7") == 0);
    CHECK(after("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT") == 0);
    CHECK(strftime(date, sizeof(date), "Retry-After: %a, %d %b %Y %H:%M:%S GMT", gmtime(&soon)));
    CHECK(after(date) == 60000);
}

TEST(backs_off_within_bounds)
{
    unsigned largest = 0;

    for (int i = 0; i < 200; i++) {
        unsigned ms = http_backoff_ms(100, 3);

        CHECK(ms <= 800);
        largest = ms > largest ? ms : largest;
        CHECK(http_backoff_ms(1000, 4000000000u) <= 30000);
        CHECK(http_backoff_ms(1, 0) <= 1);
    }
    CHECK(largest > 100); /* 200 draws below an eighth: 1 in 10^180 */
}

TEST(takes_headers_apart)
{
    cleanup_http_answer HttpAnswer a = {0};

    CHECK(answer_add_line(&a, S("Content-TYPE:  text/plain  ")));
    CHECK(answer_add_line(&a, S("Empty:")));
    CHECK(!answer_add_line(&a, S("no colon")));
    CHECK(!answer_add_line(&a, S(": no name")));
    CHECK_STR(http_header(&a, "content-type"), S("text/plain"));
    CHECK_STR(http_header(&a, "empty"), S(""));
    CHECK(http_header(&a, "absent").p == NULL);
}

TEST_MAIN(T(reads_retry_after), T(backs_off_within_bounds), T(takes_headers_apart))
