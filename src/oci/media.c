/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table: each row is one thing and its name in the two vocabularies. A missing name means that
 * vocabulary has no word for it.
 */
#include "oci/media.h"

#include <assert.h>

#define OCI_FOREIGN    "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar"

typedef struct MediaRow {
    MediaKind kind;
    Compression compression; /* layers only */
    const char *oci, *docker;
} MediaRow;

static const MediaRow rows[] = {
    {MEDIA_KIND_INDEX, COMPRESSION_NONE, MEDIA_OCI_INDEX, MEDIA_DOCKER_LIST},
    {MEDIA_KIND_MANIFEST, COMPRESSION_NONE, MEDIA_OCI_MANIFEST, MEDIA_DOCKER_MANIFEST},
    {MEDIA_KIND_CONFIG, COMPRESSION_NONE, MEDIA_OCI_CONFIG, MEDIA_DOCKER_CONFIG},
    {MEDIA_KIND_LAYER, COMPRESSION_NONE, MEDIA_OCI_LAYER, MEDIA_DOCKER_LAYER_TAR},
    {MEDIA_KIND_LAYER, COMPRESSION_GZIP, MEDIA_OCI_LAYER_GZIP, MEDIA_DOCKER_LAYER},
    {MEDIA_KIND_LAYER, COMPRESSION_ZSTD, MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_ZSTD},
    {MEDIA_KIND_FOREIGN_LAYER, COMPRESSION_NONE, OCI_FOREIGN, DOCKER_FOREIGN},
    {MEDIA_KIND_FOREIGN_LAYER, COMPRESSION_GZIP, OCI_FOREIGN "+gzip", DOCKER_FOREIGN ".gzip"},
    {MEDIA_KIND_FOREIGN_LAYER, COMPRESSION_ZSTD, OCI_FOREIGN "+zstd", NULL},
};

/* A Content-Type may carry parameters: "application/json; charset=utf-8". */
static Str bare(Str type)
{
    Str head, tail;

    return str_trim(str_cut(type, ';', &head, &tail) ? head : type);
}

static bool named(Str type, const char *name)
{
    return name && str_eq_nocase(type, str_from(name));
}

static const MediaRow *find_row(Str type)
{
    type = bare(type);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (named(type, rows[i].oci) || named(type, rows[i].docker))
            return &rows[i];
    return NULL;
}

MediaKind media_kind(Str type)
{
    const MediaRow *row = find_row(type);

    return row ? row->kind : MEDIA_KIND_UNKNOWN;
}

bool media_is_docker(Str type)
{
    return str_starts(bare(type), S("application/vnd.docker."));
}

Str media_convert(Str type, bool docker)
{
    const MediaRow *row = find_row(type);
    const char *name = !row ? NULL : docker ? row->docker : row->oci;

    return name ? str_from(name) : type;
}

Str media_layer(bool docker, Compression c)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == MEDIA_KIND_LAYER && rows[i].compression == c)
            return str_from(docker ? rows[i].docker : rows[i].oci);
    assert(0 && "layers are written plain, gzip or zstd");
    return S("");
}
