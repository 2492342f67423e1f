/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive is one pass: every file goes into the store, and a table keeps which digest its name
 * has. Then index.json says what is there, or else docker's manifest.json, for which a manifest is
 * made. Links ("<id>/layer.tar" of older dockers) are looked up in the table.
 */
#include "store/archive_in.h"

#include <fcntl.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/path.h"
#include "codec/decompress.h"
#include "codec/json.h"
#include "os/fd.h"
#include "store/internal.h"
#include "tar/reader.h"

#define ENTRIES_MAX (4 * (size_t)LIMIT_LAYERS)

enum {
    LINKS_MAX = 4 /* of links to links */
};

typedef struct ArchiveFile {
    Digest digest;
    uint64_t size;
    Str link; /* the name that it is another name of, or {NULL,0} */
} ArchiveFile;

typedef struct Archive {
    Store *store;
    LayerPacker *packer; /* NULL: layers stay as they are */
    Arena *arena;
    Map files; /* name -> ArchiveFile */
} Archive;

/* "./a/../b" as people's tars have it, without a leading "./" or "/". */
static Str clean_name(Arena *a, Str name)
{
    StrVec parts = {0};
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (Str rest = name, part; str_next(&rest, '/', &part);) {
        if (str_eq(part, S("..")) && parts.n)
            parts.n--;
        else if (part.n && !str_eq(part, S(".")) && !str_eq(part, S("..")))
            vec_push(&parts, part);
    }
    vec_foreach(p, &parts)
        buf_addf(&text, "%s" STR_FMT, text.n ? "/" : "", STR_ARG(*p));
    vec_done(&parts);
    return str_dup_in(a, buf_str(&text));
}

static int take_file(Archive *x, TarReader *t, ArchiveFile *f, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *b = NULL;

    TRY(blob_writer_new(x->store, &b, err));
    TRY(io_copy(tar_reader_data(t), blob_writer(b), NULL, err));
    return blob_writer_commit(b, NULL, UINT64_MAX, &f->digest, &f->size, err);
}

static int take_entry(Archive *x, TarReader *t, const TarEntry *e, Err *err)
{
    ArchiveFile *f = arena_new(x->arena, ArchiveFile);
    Str name = clean_name(x->arena, e->name);

    if (x->files.n >= ENTRIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %zu files: that is no image", ENTRIES_MAX);
    if (e->type == TAR_FILE) {
        TRY(take_file(x, t, f, err));
    } else if (e->type == TAR_HARDLINK) {
        f->link = clean_name(x->arena, e->link);
    } else if (e->type == TAR_SYMLINK) {
        Str dir = path_dir(name);

        f->link = clean_name(x->arena, str_fmt_in(x->arena, STR_FMT "/" STR_FMT, STR_ARG(dir),
                                                  STR_ARG(e->link)));
    } else {
        return 0;
    }
    (void)map_set(&x->files, name, f);
    return 0;
}

static int take_all(Archive *x, int fd, Err *err)
{
    FdReader in = fd_reader(fd);
    cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&in.r);
    TarEntry e;
    int r;

    while ((r = tar_reader_next(t, &e, err)) > 0)
        if (take_entry(x, t, &e, err) < 0)
            return err_wrap(err, STR_FMT, STR_ARG(e.name));
    return r;
}

static const ArchiveFile *find_file(const Archive *x, Str name)
{
    const ArchiveFile *f = map_find(&x->files, clean_name(x->arena, name));

    for (unsigned n = 0; f && f->link.n; n++)
        f = n < LINKS_MAX ? map_find(&x->files, f->link) : NULL;
    return f;
}

static int read_file(const Archive *x, Str name, size_t max, Buf *ret, Err *err)
{
    const ArchiveFile *f = find_file(x, name);

    if (!f)
        return err_set(err, ERR_NOT_FOUND, "there is no " STR_FMT " in it", STR_ARG(name));
    if (f->size > max)
        return err_set(err, ERR_LIMIT, STR_FMT " is larger than %zu bytes", STR_ARG(name), max);
    return store_read_blob(x->store, &f->digest, ret, err);
}

/* --- an index --- */

static int only_image(Str json, Descriptor *ret, Arena *a, Err *err)
{
    const Descriptor *one = NULL;
    Index x;

    TRY(index_parse(a, str_dup_in(a, json), &x, err));
    for (size_t i = 0; i < x.n_manifests; i++) {
        const Descriptor *d = &x.manifests[i];

        if (!descriptor_is_image(d) || (one && digest_eq(&one->digest, &d->digest)))
            continue;
        if (one)
            return err_set(err, ERR_USAGE, "there are several images in it");
        one = d;
    }
    if (!one)
        return err_set(err, ERR_USAGE, "there is no image in it");
    *ret = *one;
    return 0;
}

int layout_only_image(Store *s, Descriptor *ret, Arena *a, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_INDEX);

    if (layout_read(s->fd, STORE_INDEX, &json, err) < 0 ||
        only_image(buf_str(&json), ret, a, err) < 0)
        return err_wrap(err, "%s", s->dir);
    return 0;
}

static int read_index(const Archive *x, Descriptor *ret, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_INDEX);

    TRY(read_file(x, S("index.json"), LIMIT_INDEX, &json, err));
    return only_image(buf_str(&json), ret, x->arena, err);
}

/* --- docker's manifest.json --- */

static int sniff(Store *s, const Digest *d, Compression *ret, Err *err)
{
    unsigned char magic[COMPRESSION_MAGIC];
    cleanup_close int fd = -1;
    size_t n;

    TRY(store_open_blob(s, d, &fd, NULL, err));
    TRY(fd_pread_full(fd, magic, sizeof(magic), 0, &n, err));
    *ret = compression_sniff(magic, n);
    return 0;
}

static int describe_layer(const Archive *x, Str name, Descriptor *ret, Err *err)
{
    const ArchiveFile *f = find_file(x, name);
    Compression c;

    if (!f)
        return err_set(err, ERR_NOT_FOUND, "there is no " STR_FMT " in it", STR_ARG(name));
    TRY(sniff(x->store, &f->digest, &c, err));
    if (c != COMPRESSION_NONE && c != COMPRESSION_GZIP && c != COMPRESSION_ZSTD)
        return err_set(err, ERR_UNSUPPORTED, STR_FMT ": a layer must be plain, gzip or zstd",
                       STR_ARG(name));
    if (c == COMPRESSION_NONE && x->packer) {
        if (x->packer->pack(x->packer, x->store, &f->digest, ret, err) < 0)
            return err_wrap(err, STR_FMT, STR_ARG(name));
        return 0;
    }
    *ret = (Descriptor){.media_type = media_layer(false, c), .digest = f->digest, .size = f->size};
    return 0;
}

static int describe_image(const Archive *x, const Json *image, Manifest *m, Err *err)
{
    const Json *layers = json_find(image, "Layers");
    const ArchiveFile *config;
    Str name;

    m->media_type = S(MEDIA_OCI_MANIFEST);
    if (!json_get_text(json_find(image, "Config"), &name))
        return err_set(err, ERR_FORMAT, "manifest.json names no Config");
    config = find_file(x, name);
    if (!config)
        return err_set(err, ERR_NOT_FOUND, "there is no " STR_FMT " in it", STR_ARG(name));
    m->config = (Descriptor){.media_type = S(MEDIA_OCI_CONFIG),
                             .digest = config->digest,
                             .size = config->size};
    m->n_layers = json_count(layers);
    if (m->n_layers > LIMIT_LAYERS)
        return err_set(err, ERR_LIMIT, "%zu layers, more than %u", m->n_layers, LIMIT_LAYERS);
    m->layers = arena_new_n(x->arena, Descriptor, m->n_layers + 1);
    for (size_t i = 0; i < m->n_layers; i++) {
        if (!json_get_text(json_at(layers, i), &name))
            return err_set(err, ERR_FORMAT, "manifest.json: a layer has no name");
        TRY(describe_layer(x, name, &m->layers[i], err));
    }
    return 0;
}

static int read_docker(const Archive *x, Descriptor *ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX), json = BUF_INIT(LIMIT_MANIFEST);
    Manifest m = {0};

    TRY(read_file(x, S("manifest.json"), LIMIT_INDEX, &text, err));
    TRY(json_parse(buf_str(&text), "manifest.json", &doc, err));
    if (json_count(doc) != 1 || json_type(doc) != JSON_LIST)
        return err_set(err, ERR_USAGE, "there are %zu images in it, want one", json_count(doc));
    TRY(describe_image(x, json_at(doc, 0), &m, err));
    manifest_format(&m, &json);
    TRY(buf_check(&json, "the manifest", err));
    *ret = (Descriptor){.media_type = m.media_type, .size = json.n};
    return store_put(x->store, buf_str(&json), &ret->digest, err);
}

/* --- both --- */

static int read_archive(Archive *x, const char *path, Descriptor *ret, Err *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, "open");
    TRY(take_all(x, fd, err));
    if (find_file(x, S("index.json")))
        return read_index(x, ret, err);
    if (find_file(x, S("manifest.json")))
        return read_docker(x, ret, err);
    return err_set(err, ERR_USAGE, "no image: it has neither index.json nor manifest.json");
}

int archive_read(Store *s, const char *path, LayerPacker *packer, Descriptor *ret, Arena *a,
                 Err *err)
{
    Archive x = {.store = s, .packer = packer, .arena = a};
    int rc = read_archive(&x, path, ret, err);

    map_done(&x.files);
    return rc < 0 ? err_wrap(err, "%s", path) : 0;
}
