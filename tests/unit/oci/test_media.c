/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/media.h"
#include "test.h"

TEST(kinds)
{
    CHECK(media_kind(S(MEDIA_OCI_INDEX)) == MEDIA_KIND_INDEX);
    CHECK(media_kind(S(MEDIA_DOCKER_LIST)) == MEDIA_KIND_INDEX);
    CHECK(media_kind(S(MEDIA_OCI_MANIFEST)) == MEDIA_KIND_MANIFEST);
    CHECK(media_kind(S(MEDIA_DOCKER_MANIFEST)) == MEDIA_KIND_MANIFEST);
    CHECK(media_kind(S(MEDIA_OCI_CONFIG)) == MEDIA_KIND_CONFIG);
    CHECK(media_kind(S(MEDIA_DOCKER_CONFIG)) == MEDIA_KIND_CONFIG);
    CHECK(media_kind(S(MEDIA_OCI_LAYER_ZSTD)) == MEDIA_KIND_LAYER);
    CHECK(media_kind(S(MEDIA_DOCKER_LAYER_TAR)) == MEDIA_KIND_LAYER);
    CHECK(media_kind(S("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")) ==
          MEDIA_KIND_FOREIGN_LAYER);
    CHECK(media_kind(S("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")) ==
          MEDIA_KIND_FOREIGN_LAYER);
    CHECK(media_kind(S("application/vnd.in-toto+json")) == MEDIA_KIND_UNKNOWN);
    CHECK(media_kind(S("application/json")) == MEDIA_KIND_UNKNOWN);
    CHECK(media_kind(S("")) == MEDIA_KIND_UNKNOWN);
}

TEST(header_values)
{
    CHECK(media_kind(S(MEDIA_OCI_MANIFEST "; charset=utf-8")) == MEDIA_KIND_MANIFEST);
    CHECK(media_kind(S(" Application/vnd.OCI.image.index.v1+json ")) == MEDIA_KIND_INDEX);
    CHECK(media_is_docker(S(MEDIA_DOCKER_MANIFEST ";x=y")));
    CHECK(!media_is_docker(S(MEDIA_OCI_MANIFEST)));
}

TEST(layers)
{
    CHECK_STR(media_layer(false, COMPRESSION_NONE), S(MEDIA_OCI_LAYER));
    CHECK_STR(media_layer(false, COMPRESSION_GZIP), S(MEDIA_OCI_LAYER_GZIP));
    CHECK_STR(media_layer(false, COMPRESSION_ZSTD), S(MEDIA_OCI_LAYER_ZSTD));
    CHECK_STR(media_layer(true, COMPRESSION_NONE), S(MEDIA_DOCKER_LAYER_TAR));
    CHECK_STR(media_layer(true, COMPRESSION_GZIP), S(MEDIA_DOCKER_LAYER));
    CHECK_STR(media_layer(true, COMPRESSION_ZSTD), S(MEDIA_DOCKER_LAYER_ZSTD));
}

TEST(converts)
{
    CHECK_STR(media_convert(S(MEDIA_OCI_LAYER_GZIP), true), S(MEDIA_DOCKER_LAYER));
    CHECK_STR(media_convert(S(MEDIA_DOCKER_LAYER), false), S(MEDIA_OCI_LAYER_GZIP));
    CHECK_STR(media_convert(S(MEDIA_DOCKER_LAYER), true), S(MEDIA_DOCKER_LAYER));
    CHECK_STR(media_convert(S(MEDIA_OCI_INDEX), true), S(MEDIA_DOCKER_LIST));
    CHECK_STR(media_convert(S(MEDIA_DOCKER_CONFIG), false), S(MEDIA_OCI_CONFIG));
    CHECK_STR(media_convert(S("text/plain"), true), S("text/plain"));
    CHECK_STR(media_convert(S("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
                            true),
              S("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"));
}

TEST_MAIN(T(kinds), T(header_values), T(layers), T(converts))
