/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"

static const Platform amd64 = {.os = {"linux", 5}, .arch = {"amd64", 5}};
static const Platform arm64 = {.os = {"linux", 5}, .arch = {"arm64", 5}};

static void name_it(Store *s, const Descriptor *d, const char *name)
{
    Err err;

    CHECK_OK(layout_set(s, d, str_from(name), &err));
}

static void resolves(Store *s, const char *selector, const Platform *p, const Image *want)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor d;
    Digest is;
    Err err;

    CHECK_OK(layout_resolve(s, str_from(selector), p, &d, &json, &a, &err));
    CHECK_STR(str_from(d.digest.text), str_from(want->self.digest.text));
    is = digest_of(buf_str(&json));
    CHECK(digest_eq(&is, &d.digest) && json.n == d.size);
    CHECK_STR(d.media_type, S(MEDIA_OCI_MANIFEST));
}

static void fails(Store *s, const char *selector, const Platform *p, ErrKind kind, const char *part)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor d;
    Err err;

    CHECK_ERR(layout_resolve(s, str_from(selector), p, &d, &json, &a, &err), kind, part);
    CHECK(strstr(err.msg, store_dir(s)));
    CHECK(json.n == 0);
}

TEST(the_only_image)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image m = {0};

    fails(s, "", &amd64, ERR_NOT_FOUND, "there is no image in it");
    make_image(s, "amd64", S("one"), &m);
    name_it(s, &m.self, "app:1");
    name_it(s, &m.self, "app:2"); /* one image under two names */
    resolves(s, "", &amd64, &m);
    resolves(s, "", &arm64, &m); /* the only one there is */
}

TEST(by_name)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image one = {0}, two = {0};

    make_image(s, "amd64", S("one"), &one);
    make_image(s, "amd64", S("two"), &two);
    name_it(s, &one.self, "docker.io/library/app:1");
    name_it(s, &two.self, "latest");
    resolves(s, "docker.io/library/app:1", &amd64, &one);
    resolves(s, "1", &amd64, &one);
    resolves(s, "latest", &amd64, &two);
    fails(s, "3", &amd64, ERR_NOT_FOUND,
          "no image \"3\" in it; there is docker.io/library/app:1, latest");
    fails(s, "", &amd64, ERR_USAGE, "several images for linux/amd64, name one of docker.io");
    /* the whole name wins over an ending */
    name_it(s, &two.self, "1");
    resolves(s, "1", &amd64, &two);
}

TEST(by_digest)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image listed = {0}, loose = {0};
    Digest none = digest_of(S("none"));

    make_image(s, "amd64", S("listed"), &listed);
    make_image(s, "amd64", S("loose"), &loose);
    name_it(s, &listed.self, "x");
    resolves(s, listed.self.digest.text, &amd64, &listed);
    resolves(s, loose.self.digest.text, &amd64, &loose); /* among the blobs, not in index.json */
    fails(s, none.text, &amd64, ERR_NOT_FOUND, none.text);
    fails(s, loose.manifest.layers[0].digest.text, &amd64, ERR_FORMAT, "manifest");
}

/* skopeo writes entries without platform: the configurations tell them apart. */
TEST(by_platform_of_the_config)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image x = {0}, y = {0};
    const Platform other = {.os = S("linux"), .arch = S("s390x")};

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    name_it(s, &x.self, "app:x");
    name_it(s, &y.self, "app:y");
    resolves(s, "", &amd64, &x);
    resolves(s, "", &arm64, &y);
    fails(s, "", &other, ERR_NOT_FOUND, "no image for linux/s390x among app:x, app:y");
}

TEST(nested_index)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image x = {0}, y = {0}, note = {0};
    Descriptor entries[3], inner, outer;
    const Platform other = {.os = S("linux"), .arch = S("s390x")};

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    make_image(s, "amd64", S("about x"), &note);
    entries[0] = on(&note, "unknown");
    entries[0].platform.os = S("unknown");
    entries[1] = on(&x, "amd64");
    entries[2] = on(&y, "arm64");
    inner = make_index(s, entries, 3);
    outer = make_index(s, &inner, 1);
    name_it(s, &outer, "app:1");
    resolves(s, "app:1", &amd64, &x);
    resolves(s, "1", &arm64, &y);
    resolves(s, "", &arm64, &y);
    resolves(s, inner.digest.text, &arm64, &y);
    fails(s, "", &other, ERR_NOT_FOUND, "it has linux/amd64, linux/arm64");
}

/* Images and an index side by side: the index is looked into. */
TEST(index_beside_images)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image x = {0}, y = {0};
    Descriptor entry, index;

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    entry = on(&y, "arm64");
    index = make_index(s, &entry, 1);
    name_it(s, &x.self, "x");
    name_it(s, &index, "y");
    resolves(s, "", &amd64, &x);
    resolves(s, "", &arm64, &y);
}

/* buildx exports several platforms under one name. */
TEST(one_name_many_platforms)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    cleanup_image Image x = {0}, y = {0};
    Annotation name = {S(ANNOTATION_REF_NAME), S("1")};
    Descriptor entries[2];
    const Index index = {.manifests = entries, .n_manifests = 2};

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    entries[0] = on(&x, "amd64");
    entries[1] = on(&y, "arm64");
    for (size_t i = 0; i < 2; i++) {
        entries[i].annotations = &name;
        entries[i].n_annotations = 1;
    }
    index_format(&index, &json);
    put(dir.fd, "s/index.json", buf_z(&json));
    resolves(s, "1", &amd64, &x);
    resolves(s, "1", &arm64, &y);
}

TEST(too_deep)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image x = {0}, y = {0};
    Descriptor d;

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "amd64", S("y"), &y);
    d = x.self;
    for (int i = 0; i < 10; i++)
        d = make_index(s, &d, 1);
    name_it(s, &d, "deep");
    fails(s, "", &amd64, ERR_LIMIT, "nested deeper");
    name_it(s, &y.self, "other");
    fails(s, "", &amd64, ERR_LIMIT, "nested deeper");
}

/* Eight levels of eight equal entries would be 16 million documents. */
TEST(too_wide)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image x = {0}, y = {0};
    Descriptor d, copies[8];

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "amd64", S("y"), &y);
    d = x.self;
    for (int level = 0; level < 6; level++) {
        for (size_t i = 0; i < ARRAY_LEN(copies); i++)
            copies[i] = d;
        d = make_index(s, copies, ARRAY_LEN(copies));
    }
    name_it(s, &d, "wide");
    name_it(s, &y.self, "other");
    fails(s, "", &amd64, ERR_LIMIT, "documents to look into");
}

TEST(damaged_documents)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image m = {0};
    Descriptor lying;
    char path[256];

    make_image(s, "amd64", S("x"), &m);
    lying = m.self;
    lying.size++;
    name_it(s, &lying, "size");
    fails(s, "size", &amd64, ERR_DIGEST, "its descriptor says");
    lying = m.self;
    lying.media_type = S(MEDIA_OCI_INDEX);
    name_it(s, &lying, "type");
    fails(s, "type", &amd64, ERR_FORMAT, "was declared to be an image index");
    name_it(s, &m.self, "x");
    (void)snprintf(path, sizeof(path), "s/blobs/sha256/%s", digest_hex(&m.self.digest).p);
    put(dir.fd, path, "{}");
    fails(s, "x", &amd64, ERR_DIGEST, "is damaged");
    CHECK(unlinkat(dir.fd, path, 0) == 0);
    fails(s, "x", &amd64, ERR_NOT_FOUND, m.self.digest.text);
    put(dir.fd, "s/index.json", "{");
    fails(s, "x", &amd64, ERR_FORMAT, "image index");
}

TEST_MAIN(T(the_only_image), T(by_name), T(by_digest), T(by_platform_of_the_config),
          T(nested_index), T(index_beside_images), T(one_name_many_platforms), T(too_deep),
          T(too_wide), T(damaged_documents))
