/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"
#include "store/archive_in.h"

/* An archive that is being made. */
typedef struct Made {
    Buf bytes;
    BufWriter out;
    TarWriter *tar;
} Made;

static void made_begin(Made *m)
{
    m->bytes = (Buf)BUF_INIT((size_t)1 << 20);
    m->out = buf_writer(&m->bytes);
    m->tar = tar_writer_new(&m->out.w);
}

static void made_file(Made *m, const char *name, Str text)
{
    const TarEntry e = {.type = TAR_FILE, .name = str_from(name), .mode = 0644, .size = text.n};
    Err err;

    CHECK_OK(tar_writer_entry(m->tar, &e, &err));
    CHECK_OK(tar_writer_data(m->tar, text.p, text.n, &err));
}

static void made_link(Made *m, TarType type, const char *name, const char *to)
{
    const TarEntry e = {.type = type, .name = str_from(name), .link = str_from(to), .mode = 0777};
    Err err;

    CHECK_OK(tar_writer_entry(m->tar, &e, &err));
}

/* Reads it; the result of archive_read(). */
static int made_read(Made *m, const Scratch *dir, Store *s, LayerPacker *packer, Arena *a,
                     Descriptor *ret, Err *ret_err)
{
    char path[512];
    Err err;
    int fd;

    CHECK_OK(tar_writer_finish(m->tar, &err));
    tar_writer_free(m->tar);
    (void)snprintf(path, sizeof(path), "%s/archive.tar", dir->path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, m->bytes.p, m->bytes.n) == (ssize_t)m->bytes.n);
    (void)close(fd);
    buf_done(&m->bytes);
    return archive_read(s, path, packer, ret, a, ret_err);
}

static void manifest_of(Store *s, const Descriptor *d, Arena *a, Manifest *ret)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Err err;

    CHECK_OK(store_read_blob(s, &d->digest, &json, &err));
    CHECK(json.n == d->size);
    CHECK_OK(manifest_parse(a, str_dup_in(a, buf_str(&json)), ret, &err));
}

#define TWO_LAYERS \
    "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:1\"],\"Layers\":[\"1/layer.tar\",\"2/layer.tar\"]}]"

/* Older dockers save a layer that occurs twice as a link; names are cleaned, order does not matter. */
TEST(docker_with_links)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL);
    Descriptor d;
    Manifest m;
    Made made;
    Err err;

    make_tar(S("text"), &tar);
    made_begin(&made);
    made_file(&made, "./manifest.json", S(TWO_LAYERS));
    made_link(&made, TAR_SYMLINK, "2/layer.tar", "../1/layer.tar");
    made_file(&made, "x/../1/layer.tar", buf_str(&tar));
    made_file(&made, "/c.json", S("{}"));
    CHECK_OK(made_read(&made, &dir, s, NULL, &a, &d, &err));
    manifest_of(s, &d, &a, &m);
    CHECK(m.n_layers == 2 && m.layers[0].size == tar.n);
    CHECK(digest_eq(&m.layers[0].digest, &m.layers[1].digest));
    CHECK_STR(m.layers[0].media_type, S("application/vnd.oci.image.layer.v1.tar"));
    CHECK_STR(str_from(m.config.digest.text), str_from(digest_of(S("{}")).text));
}

/* Stands for a compressor: what it makes is "packed" of each layer. */
typedef struct Fake {
    LayerPacker p;
    unsigned calls;
} Fake;

static int fake_pack(LayerPacker *self, Store *s, const Digest *raw, Descriptor *ret, Err *err)
{
    ((Fake *)self)->calls++;
    CHECK(store_has(s, raw, NULL));
    *ret = (Descriptor){.media_type = S("application/vnd.oci.image.layer.v1.tar+gzip"), .size = 6};
    return store_put(s, S("packed"), &ret->digest, err);
}

/* Only what is not compressed yet is handed to the packer. */
TEST(plain_layers_are_packed)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), gz = BUF_INIT(BUF_SMALL);
    Fake fake = {.p = {fake_pack}};
    Descriptor d;
    Manifest m;
    Made made;
    Err err;

    make_tar(S("text"), &tar);
    make_gzip(buf_str(&tar), &gz);
    made_begin(&made);
    made_file(&made, "1/layer.tar", buf_str(&tar));
    made_file(&made, "2/layer.tar", buf_str(&gz));
    made_file(&made, "c.json", S("{}"));
    made_file(&made, "manifest.json", S(TWO_LAYERS));
    CHECK_OK(made_read(&made, &dir, s, &fake.p, &a, &d, &err));
    manifest_of(s, &d, &a, &m);
    CHECK(fake.calls == 1 && m.n_layers == 2);
    CHECK_STR(str_from(m.layers[0].digest.text), str_from(digest_of(S("packed")).text));
    CHECK_STR(str_from(m.layers[1].digest.text), str_from(digest_of(buf_str(&gz)).text));
    CHECK_STR(m.layers[0].media_type, m.layers[1].media_type);
}

typedef struct Bad {
    const char *manifest; /* NULL: there is none */
    ErrKind kind;
    const char *part;
} Bad;

TEST(what_is_no_image)
{
    static const Bad all[] = {
        {NULL, ERR_USAGE, "neither index.json nor manifest.json"},
        {"[]", ERR_USAGE, "there are 0 images in it"},
        {"{}", ERR_USAGE, "want one"},
        {"[{},{}]", ERR_USAGE, "there are 2 images"},
        {"[{}]", ERR_FORMAT, "names no Config"},
        {"[{\"Config\":\"none\"}]", ERR_NOT_FOUND, "there is no none in it"},
        {"[{\"Config\":\"c.json\",\"Layers\":[\"../../etc/passwd\"]}]", ERR_NOT_FOUND,
         "there is no"},
        {"[{\"Config\":\"c.json\",\"Layers\":[1]}]", ERR_FORMAT, "a layer has no name"},
        {"[{\"Config\":\"c.json\",\"Layers\":[\"xz\"]}]", ERR_UNSUPPORTED, "plain, gzip or zstd"},
        {"[{\"Config\":\"c.json\",\"Layers\":[\"loop\"]}]", ERR_NOT_FOUND, "there is no loop"},
        {"[{\"Config\":", ERR_FORMAT, "manifest.json"},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        cleanup_scratch Scratch dir = scratch_new();
        cleanup_store Store *s = open_store(&dir, "s");
        cleanup_arena Arena a = ARENA_INIT;
        Descriptor d;
        Made made;
        Err err;

        made_begin(&made);
        made_file(&made, "c.json", S("{}"));
        made_file(&made, "xz",
                  S("\xfd"
                    "7zXZ\0 and more"));
        made_link(&made, TAR_HARDLINK, "loop", "pool");
        made_link(&made, TAR_HARDLINK, "pool", "loop");
        if (all[i].manifest)
            made_file(&made, "manifest.json", str_from(all[i].manifest));
        CHECK_ERR(made_read(&made, &dir, s, NULL, &a, &d, &err), all[i].kind, all[i].part);
    }
}

TEST_MAIN(T(docker_with_links), T(plain_layers_are_packed), T(what_is_no_image))
