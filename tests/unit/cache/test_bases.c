/* SPDX-License-Identifier: Apache-2.0 */
/* The base-image cache: what is fetched, what is kept, what is made anew. */
#include <dirent.h>

#include "cache/bases.h"
#include "registry_test.h"

/* One image of two layers; its three blobs can be downloaded 'times' times, then no more. */
typedef struct Cache {
    Bench bench;
    BasesOpts opts;
    Pool *pool;
    Reference ref;
    Digest digest;
    const char *entry;
} Cache;

static const Platform amd64 = {STR_LIT("linux"), STR_LIT("amd64"), STR_LIT(""), STR_LIT("")};

static void cache_start(Cache *c, unsigned downloads)
{
    char script[512];

    (void)snprintf(script, sizeof(script),
                   "{'repos': {'x': {'manifests': {'v1': {'layers': [{'text': 'one'}, "
                   "{'size': 100000}]}}}}, 'faults': [{'path': '/blobs/', 'skip': %u, 'times': 0, "
                   "'do': 'status', 'status': 404}]}",
                   3 * downloads);
    bench_start(&c->bench, script);
    bench_open(&c->bench, NULL);
    c->opts = (BasesOpts){
        .dir = str_fmt_in(&c->bench.a, "%s/cache", temp_path(c->bench.dir)).p,
        .ttl_ns = INT64_C(3600000000000),
    };
    CHECK(mkdir(c->opts.dir, 0755) == 0);
    c->pool = pool_new(2);
    c->ref = bench_ref(&c->bench, "x:v1");
}

static void cache_end(Cache *c)
{
    pool_free(c->pool);
    bench_end(&c->bench);
}

static int warm(Cache *c, WarmOutcome *ret, Err *err)
{
    Descriptor d;

    TRY(bases_warm(&c->opts, c->bench.r, &c->ref, &amd64, c->pool, &d, ret, err));
    c->digest = d.digest;
    c->entry = str_fmt_in(&c->bench.a, "%s/%s", c->opts.dir, d.digest.text).p;
    return 0;
}

static bool find(const Cache *c)
{
    Store *s = NULL;
    bool found = bases_find(&c->opts, &c->digest, &s) > 0;

    store_free(s);
    return found;
}

static void grow_old(const Cache *c)
{
    const struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};

    CHECK(utimensat(AT_FDCWD, c->entry, old, 0) == 0);
}

static const char *layer_path(Cache *c)
{
    Digest layer = digest_of(S("one"));

    return str_fmt_in(&c->bench.a, "%s/blobs/sha256/" STR_FMT, c->entry,
                      STR_ARG(digest_hex(&layer)))
        .p;
}

static unsigned entries(const Cache *c)
{
    DIR *d = opendir(c->opts.dir);
    unsigned n = 0;

    CHECK(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n - 2;
}

TEST(an_image_is_fetched_once)
{
    Cache c;
    WarmOutcome outcome;
    struct stat st;
    Err err;

    cache_start(&c, 1);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_FETCHED && find(&c));
    CHECK(stat(c.entry, &st) == 0 && (st.st_mode & 07777) == 0755);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_PRESENT);
    CHECK(entries(&c) == 2); /* the image and the locks: nothing temporary */
    cache_end(&c);
}

TEST(an_old_entry_is_checked_and_lives_on)
{
    Cache c;
    WarmOutcome outcome;
    Err err;

    cache_start(&c, 1);
    CHECK_OK(warm(&c, &outcome, &err));
    grow_old(&c);
    CHECK(!find(&c));
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_RENEWED && find(&c));
    cache_end(&c);
}

TEST(force_fetches_anew_and_a_failure_keeps_the_old)
{
    Cache c;
    WarmOutcome outcome;
    struct stat before, after;
    Err err;

    cache_start(&c, 2);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(stat(layer_path(&c), &before) == 0);
    c.opts.force = true;
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_FETCHED && find(&c));
    CHECK(stat(layer_path(&c), &after) == 0);
    CHECK(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
          before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
    CHECK(warm(&c, &outcome, &err) < 0 && err.kind == ERR_NOT_FOUND);
    CHECK(find(&c) && entries(&c) == 2);
    cache_end(&c);
}

TEST(a_damaged_entry_is_made_anew)
{
    Cache c;
    WarmOutcome outcome;
    Err err;

    cache_start(&c, 3);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(unlink(layer_path(&c)) == 0); /* missing: seen at once */
    CHECK(!find(&c));
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_FETCHED && find(&c));
    CHECK_OK(file_write_atomic(AT_FDCWD, layer_path(&c), 0644, S("ane"), &err));
    CHECK(find(&c)); /* other bytes: seen when they are read, or when the entry is renewed */
    grow_old(&c);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_FETCHED && find(&c));
    cache_end(&c);
}

TEST(what_is_no_entry_is_replaced)
{
    Cache c;
    WarmOutcome outcome;
    Err err;

    cache_start(&c, 2);
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK_OK(dir_remove_all(AT_FDCWD, c.entry, &err));
    CHECK_OK(file_write_atomic(AT_FDCWD, c.entry, 0644, S("an older program's archive"), &err));
    CHECK(!find(&c));
    CHECK_OK(warm(&c, &outcome, &err));
    CHECK(outcome == WARM_FETCHED && find(&c));
    cache_end(&c);
}

TEST_MAIN(T(an_image_is_fetched_once), T(an_old_entry_is_checked_and_lives_on),
          T(force_fetches_anew_and_a_failure_keeps_the_old), T(a_damaged_entry_is_made_anew),
          T(what_is_no_entry_is_replaced))
