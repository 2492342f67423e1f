/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries there and back; everything that makes one unusable is a miss with a reason.
 */
#include "base/limits.h"
#include "cache/entry.h"
#include "test.h"

static CacheKey key(char digit)
{
    CacheKey k = {0};

    memset(k.text, digit, CACHE_KEY_TEXT);
    return k;
}

static CacheEntry sample(void)
{
    return (CacheEntry){
        .key = key('1'),
        .content_key = key('2'),
        .platform = {.os = S("linux"), .arch = S("arm64"), .variant = S("v8")},
        .layer = {.media_type = S(MEDIA_OCI_LAYER_GZIP),
                  .digest = digest_of(S("layer")),
                  .size = 5},
        .diff_id = digest_of(S("diff")),
        .written_ns = 1700000000000000005,
        .content_ns = 1600000000000000007,
        .created_by = S("RUN |1 a=\"b\" /bin/sh -c echo \\ <>&"),
        .files = 3,
        .deletions = 1,
    };
}

typedef struct Fixture {
    CacheEntry e;
    Buf config, manifest;
    Descriptor desc;
    CacheKey asked;
    CacheWant want;
    Arena arena;
    CacheEntry got;
    const char *why;
} Fixture;

static void begin(Fixture *f)
{
    Err err;

    *f = (Fixture){.e = sample(),
                   .config = BUF_INIT(LIMIT_CONFIG),
                   .manifest = BUF_INIT(LIMIT_MANIFEST),
                   .asked = key('1')};
    f->want = (CacheWant){&f->asked, &f->e.platform, f->e.written_ns + 10, 20};
    CHECK_OK(cache_entry_format(&f->e, &f->config, &f->manifest, &f->desc, &err));
}

static bool parse(Fixture *f)
{
    return cache_entry_parse(&f->arena, buf_str(&f->manifest), &f->want, &f->got, &f->why);
}

static void end(Fixture *f)
{
    buf_done(&f->config);
    buf_done(&f->manifest);
    arena_done(&f->arena);
}
#define FIXTURE(f)               \
    cleanup_with(end) Fixture f; \
    begin(&f)

TEST(there_and_back)
{
    FIXTURE(f);
    CHECK(parse(&f));
    CHECK(cache_key_eq(&f.got.key, &f.e.key));
    CHECK(cache_key_eq(&f.got.content_key, &f.e.content_key));
    CHECK(digest_eq(&f.got.layer.digest, &f.e.layer.digest));
    CHECK(f.got.layer.size == 5);
    CHECK_STR(f.got.layer.media_type, f.e.layer.media_type);
    CHECK(digest_eq(&f.got.diff_id, &f.e.diff_id));
    CHECK(f.got.written_ns == f.e.written_ns);
    CHECK(f.got.content_ns == f.e.content_ns);
    CHECK_STR(f.got.created_by, f.e.created_by);
    CHECK(f.got.files == 3);
    CHECK(f.got.deletions == 1);
}

TEST(under_its_content_key_too)
{
    FIXTURE(f);
    f.asked = key('2');
    CHECK(parse(&f));
}

TEST(same_bytes)
{
    FIXTURE(f);
    FIXTURE(g);
    CHECK_STR(buf_str(&f.manifest), buf_str(&g.manifest));
    CHECK(f.desc.size == f.config.n);
}

static void miss(Fixture *f, const char *why)
{
    CHECK(!parse(f));
    CHECK_STR(str_from(f->why), str_from(why));
}

TEST(misses)
{
    FIXTURE(f);
    Platform other = {.os = S("linux"), .arch = S("amd64")};

    f.asked = key('3');
    miss(&f, "it has another key");
    f.asked = key('1');
    f.want.platform = &other;
    miss(&f, "it is for another platform");
    f.want.platform = &f.e.platform;
    f.want.now_ns = f.e.written_ns + 21;
    miss(&f, "it has expired");
    f.want.now_ns = f.e.written_ns - 1; /* by a clock that is fast */
    CHECK(parse(&f));
    f.want.ttl_ns = 0;
    miss(&f, "it has expired");
}

/* Every prefix, and every byte turned: never an entry that says something else, never a crash. */
TEST(damage)
{
    FIXTURE(f);
    size_t n = f.manifest.n;

    for (size_t i = 0; i < n; i++) {
        char was = f.manifest.p[i];
        cleanup_arena Arena a = ARENA_INIT;
        CacheEntry e = {0};
        const char *why;

        CHECK(!cache_entry_parse(&a, str_head(buf_str(&f.manifest), i), &f.want, &e, &why));
        f.manifest.p[i] = (char)(was ^ 1);
        if (cache_entry_parse(&a, buf_str(&f.manifest), &f.want, &e, &why))
            CHECK(digest_eq(&e.diff_id, &f.e.diff_id) && e.content_ns == f.e.content_ns);
        f.manifest.p[i] = was;
    }
}

TEST(version)
{
    FIXTURE(f);
    cleanup_buf Buf old = BUF_INIT(LIMIT_MANIFEST);

    /* an image that is no entry */
    buf_add_z(&old, "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
                    "\",\"digest\":\"");
    buf_add_z(&old, f.desc.digest.text);
    buf_add_z(&old, "\",\"size\":2},\"layers\":[]}");
    CHECK(!cache_entry_parse(&f.arena, buf_str(&old), &f.want, &f.got, &f.why));
}

TEST_MAIN(T(there_and_back), T(under_its_content_key_too), T(same_bytes), T(misses), T(damage),
          T(version))
