/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/store/make.h - small but real images, put into a store.
 */
#pragma once

#include "base/limits.h"
#include "codec/gzip.h"
#include "oci/config.h"
#include "oci/descriptor.h"
#include "os/scratch.h"
#include "os/walk.h"
#include "store/layout.h"
#include "tar/writer.h"

static inline Store *open_store(const Scratch *s, const char *name)
{
    char path[512];
    Store *store = NULL;
    Err err;

    (void)snprintf(path, sizeof(path), "%s/%s", s->path, name);
    CHECK_OK(store_open(path, &store, &err));
    return store;
}

static inline Store *open_layout(const Scratch *s, const char *name)
{
    char path[512];
    Store *store = NULL;
    Err err;

    (void)snprintf(path, sizeof(path), "%s/%s", s->path, name);
    CHECK_OK(layout_open(path, &store, &err));
    return store;
}
#define cleanup_store cleanup_with(store_free_at)

static inline Digest put_blob(Store *s, Str bytes)
{
    Digest d;
    Err err;

    CHECK_OK(store_put(s, bytes, &d, &err));
    return d;
}

/* How many names a directory below the scratch has; none when it is not there. */
static inline size_t count_names(int dirfd, const char *path)
{
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_dir_list DirList list = {0};
    Err err;

    CHECK(fd >= 0 || errno == ENOENT);
    if (fd >= 0)
        CHECK_OK(dir_list(fd, &list, &err));
    return list.n;
}

/* A layer archive with one file, whose content is 'text'. */
static inline void make_tar(Str text, Buf *ret)
{
    BufWriter out = buf_writer(ret);
    cleanup_with(tar_writer_free_at) TarWriter *tar = tar_writer_new(&out.w);
    const TarEntry e = {.type = TAR_FILE, .name = S("file"), .mode = 0644, .size = text.n};
    Err err;

    CHECK_OK(tar_writer_entry(tar, &e, &err));
    CHECK_OK(tar_writer_data(tar, text.p, text.n, &err));
    CHECK_OK(tar_writer_finish(tar, &err));
}

/* Archives of up to one chunk. */
static inline void make_gzip(Str plain, Buf *ret)
{
    cleanup_with(gzip_chunker_free_at) GzipChunker *c = gzip_chunker_new(GZIP_PORTABLE, 6);
    cleanup_free char *body = NEW_N(char, gzip_chunk_bound(plain.n));
    unsigned char head[GZIP_HEADER], tail[GZIP_TRAILER];
    uint32_t crc;
    size_t n;
    Err err;

    CHECK(plain.n <= GZIP_CHUNK);
    CHECK_OK(gzip_chunk(c, &(GzipChunk){.in = plain, .last = true}, body, &n, &crc, &err));
    gzip_header(head);
    gzip_trailer(crc, plain.n, tail);
    buf_append(ret, head, sizeof(head));
    buf_append(ret, body, n);
    buf_append(ret, tail, sizeof(tail));
}

typedef struct Image {
    Arena arena;
    Manifest manifest;
    Descriptor self; /* of the manifest */
} Image;

static inline void image_done(Image *m)
{
    arena_done(&m->arena);
}
#define cleanup_image cleanup_with(image_done)

static inline Descriptor add_layer(Store *s, Str text, bool gzip, ImageConfig *config)
{
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), packed = BUF_INIT(BUF_SMALL);
    Descriptor d = {.media_type = gzip ? S(MEDIA_OCI_LAYER_GZIP) : S(MEDIA_OCI_LAYER)};
    Buf *bytes = gzip ? &packed : &tar;

    make_tar(text, &tar);
    if (gzip)
        make_gzip(buf_str(&tar), &packed);
    vec_push(&config->diff_ids, digest_of(buf_str(&tar)));
    d.digest = put_blob(s, buf_str(bytes));
    d.size = bytes->n;
    return d;
}

/* linux/ARCH, of layers "TEXT" (gzip), "plain" and "TEXT" again; not in index.json. */
static inline void make_image(Store *s, const char *arch, Str text, Image *ret)
{
    cleanup_image_config ImageConfig config = {.platform = {.os = S("linux")}};
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Manifest *m = &ret->manifest;

    *ret = (Image){0};
    config.platform.arch = str_from(arch);
    m->media_type = S(MEDIA_OCI_MANIFEST);
    m->layers = arena_new_n(&ret->arena, Descriptor, 3);
    m->n_layers = 3;
    m->layers[0] = add_layer(s, text, true, &config);
    m->layers[1] = add_layer(s, S("plain"), false, &config);
    m->layers[2] = add_layer(s, text, true, &config);
    image_config_format(&config, &json);
    m->config = (Descriptor){.media_type = S(MEDIA_OCI_CONFIG), .size = json.n};
    m->config.digest = put_blob(s, buf_str(&json));
    buf_truncate(&json, 0);
    manifest_format(m, &json);
    ret->self = (Descriptor){.media_type = m->media_type, .size = json.n};
    ret->self.digest = put_blob(s, buf_str(&json));
}

/* An index of n images as a blob; its descriptor. */
static inline Descriptor make_index(Store *s, Descriptor *entries, size_t n)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    const Index x = {.media_type = S(MEDIA_OCI_INDEX), .manifests = entries, .n_manifests = n};
    Descriptor d = {.media_type = x.media_type};

    index_format(&x, &json);
    d.digest = put_blob(s, buf_str(&json));
    d.size = json.n;
    return d;
}

static inline Descriptor on(const Image *m, const char *arch)
{
    Descriptor d = m->self;

    d.has_platform = true;
    d.platform = (Platform){.os = S("linux"), .arch = str_from(arch)};
    return d;
}
