/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image layout as a tar file: the two small files first, so that a reader of the stream knows at
 * once what it has, then every blob that the image needs, in the order in which it is met.
 */
#include "base/limits.h"
#include "base/map.h"
#include "oci/descriptor.h"
#include "store/archive.h"
#include "store/archive_out.h"

enum {
    DEPTH_MAX = 8 /* of indexes within indexes */
};

typedef struct OciArchive {
    ArchiveOut out;
    Store *store;
    Arena arena;
    Map seen; /* digests already written */
} OciArchive;

static int add_blob(OciArchive *o, const Digest *d, Err *err)
{
    Str hex = digest_hex(d);
    Str name = str_fmt_in(&o->arena, "blobs/sha256/" STR_FMT, STR_ARG(hex));

    if (map_find_entry(&o->seen, hex))
        return 0;
    (void)map_set(&o->seen, hex, NULL);
    return archive_out_blob(&o->out, name, o->store, d, err);
}

static int add_manifest(OciArchive *o, Str json, Err *err)
{
    Manifest m;

    TRY(manifest_parse(&o->arena, json, &m, err));
    TRY(add_blob(o, &m.config.digest, err));
    for (size_t i = 0; i < m.n_layers; i++)
        if (media_kind(m.layers[i].media_type) != MEDIA_KIND_FOREIGN_LAYER ||
            store_has(o->store, &m.layers[i].digest, NULL))
            TRY(add_blob(o, &m.layers[i].digest, err));
    return 0;
}

/* Recursion is bounded by DEPTH_MAX, work by writing no document twice. */
static int add_tree(OciArchive *o, const Descriptor *d, unsigned depth, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    MediaKind kind;
    Index x;

    if (map_find_entry(&o->seen, digest_hex(&d->digest)))
        return 0;
    if (depth >= DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "indexes nested deeper than %d", DEPTH_MAX);
    TRY(store_read_blob(o->store, &d->digest, &text, err));
    TRY(add_blob(o, &d->digest, err));
    TRY(manifest_kind(buf_str(&text), d->media_type, &kind, err));
    if (kind == MEDIA_KIND_MANIFEST)
        return add_manifest(o, buf_str(&text), err);
    TRY(index_parse(&o->arena, buf_str(&text), &x, err));
    for (size_t i = 0; i < x.n_manifests; i++)
        TRY(add_tree(o, &x.manifests[i], depth + 1, err));
    return 0;
}

/* The manifest's own annotations stay; the name is set. */
static Descriptor named_entry(Arena *a, const Descriptor *d, Str ref_name)
{
    Descriptor entry = *d;

    if (ref_name.n == 0)
        return entry;
    entry.annotations = arena_new_n(a, Annotation, d->n_annotations + 1);
    entry.n_annotations = 0;
    for (size_t i = 0; i < d->n_annotations; i++)
        if (!str_eq(d->annotations[i].key, S(ANNOTATION_REF_NAME)))
            entry.annotations[entry.n_annotations++] = d->annotations[i];
    entry.annotations[entry.n_annotations++] = (Annotation){S(ANNOTATION_REF_NAME), ref_name};
    return entry;
}

static int add_index(OciArchive *o, const Descriptor *manifest, Str ref_name, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Descriptor entry = named_entry(&o->arena, manifest, ref_name);
    const Index x = {.media_type = S(MEDIA_OCI_INDEX), .manifests = &entry, .n_manifests = 1};

    index_format(&x, &text);
    TRY(buf_check(&text, "index.json", err));
    TRY(archive_out_file(&o->out, S("oci-layout"), S("{\"imageLayoutVersion\":\"1.0.0\"}"), err));
    TRY(archive_out_file(&o->out, S("index.json"), buf_str(&text), err));
    TRY(archive_out_dir(&o->out, S("blobs"), err));
    return archive_out_dir(&o->out, S("blobs/sha256"), err);
}

static int write_all(OciArchive *o, const Descriptor *manifest, Str ref_name, Err *err)
{
    TRY(add_index(o, manifest, ref_name, err));
    TRY(add_tree(o, manifest, 0, err));
    return archive_out_commit(&o->out, err);
}

int archive_write_oci(Store *s, const Descriptor *manifest, Str ref_name, const char *dest,
                      Err *err)
{
    OciArchive o = {.store = s};
    int r;

    TRY(archive_out_open(dest, &o.out, err));
    r = write_all(&o, manifest, ref_name, err);
    archive_out_done(&o.out);
    map_done(&o.seen);
    arena_done(&o.arena);
    return r < 0 ? err_wrap(err, "archive %s", dest) : 0;
}
