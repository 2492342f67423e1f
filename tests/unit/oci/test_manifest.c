/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "oci/manifest.h"
#include "test.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"

#define CONFIG "{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":7}"
#define LAYER \
    "{\"mediaType\":\"" MEDIA_OCI_LAYER_GZIP "\",\"digest\":\"" D2 "\",\"size\":1234567890123}"
#define MANIFEST                                                                       \
    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"config\":" CONFIG \
    ",\"layers\":[" LAYER "],\"annotations\":{\"b\":\"1\",\"a\":\"2\"}}"

static void refuse_manifest(const char *json, ErrKind kind, const char *part)
{
    cleanup_arena Arena a = ARENA_INIT;
    Manifest m;
    Err err;

    CHECK_ERR(manifest_parse(&a, str_from(json), &m, &err), kind, part);
}

static void refuse_index(const char *json, ErrKind kind, const char *part)
{
    cleanup_arena Arena a = ARENA_INIT;
    Index x;
    Err err;

    CHECK_ERR(index_parse(&a, str_from(json), &x, &err), kind, part);
}

TEST(round_trip)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Manifest m;
    Err err;

    CHECK_OK(manifest_parse(&a, S(MANIFEST), &m, &err));
    CHECK_STR(m.media_type, S(MEDIA_OCI_MANIFEST));
    CHECK_STR(str_from(m.config.digest.text), S(D1));
    CHECK(m.n_layers == 1 && m.layers[0].size == 1234567890123);
    CHECK(m.n_annotations == 2);
    CHECK_STR(m.annotations[0].key, S("b"));
    manifest_format(&m, &out);
    CHECK_STR(buf_str(&out), S(MANIFEST));
}

TEST(docker_manifest)
{
    static const char text[] =
        "{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"" MEDIA_DOCKER_MANIFEST "\",\n"
        "   \"config\": {\"mediaType\": \"" MEDIA_DOCKER_CONFIG "\", \"size\": 7, \"digest\": \"" D1
        "\"},\n   \"layers\": [{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff."
        "tar.gzip\",\"size\":0,\"digest\":\"" D2 "\",\"urls\":[\"https://a.example/l\"]}]\n}";
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Manifest m, again;
    Err err;

    CHECK_OK(manifest_parse(&a, str_from(text), &m, &err));
    CHECK_STR(m.media_type, S(MEDIA_DOCKER_MANIFEST));
    CHECK(m.layers[0].n_urls == 1);
    manifest_format(&m, &out);
    CHECK_OK(manifest_parse(&a, buf_str(&out), &again, &err));
    CHECK_STR(again.layers[0].urls[0], S("https://a.example/l"));
}

TEST(lenient_about_absence)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Manifest m;
    Err err;

    CHECK_OK(manifest_parse(&a, S("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":null}"),
                            &m, &err));
    CHECK_STR(m.media_type, S(MEDIA_OCI_MANIFEST));
    CHECK(m.n_layers == 0 && m.n_annotations == 0);
    manifest_format(&m, &out);
    CHECK(strstr(buf_z(&out), "\"layers\":[]"));

    CHECK_OK(manifest_parse(&a, S("{\"config\":" CONFIG ",\"annotations\":null}"), &m, &err));
    CHECK_OK(manifest_parse(&a,
                            S("{\"config\":{\"mediaType\":\"" MEDIA_DOCKER_CONFIG
                              "\",\"digest\":\"" D1 "\",\"size\":7,\"platform\":null}}"),
                            &m, &err));
    CHECK_STR(m.media_type, S(MEDIA_DOCKER_MANIFEST));
}

#define WITH_LAYER(members) \
    "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER ",{" members "}]}"
#define MT "\"mediaType\":\"" MEDIA_OCI_LAYER "\""
#define DG "\"digest\":\"" D3 "\""

TEST(strict_about_presence)
{
    refuse_manifest("", ERR_FORMAT, "manifest");
    refuse_manifest("[]", ERR_FORMAT, "a list, want an object");
    refuse_manifest("{}", ERR_FORMAT, "neither");
    refuse_manifest("{\"schemaVersion\":2,\"layers\":[]}", ERR_FORMAT, "\"config\" is missing");
    refuse_manifest("{\"config\":" CONFIG ",\"layers\":{}}", ERR_FORMAT, "want a list");
    refuse_manifest("{\"config\":[],\"layers\":[]}", ERR_FORMAT, "\"config\": a descriptor");
    refuse_manifest("{\"schemaVersion\":3,\"config\":" CONFIG "}", ERR_UNSUPPORTED, "only 2");
    refuse_manifest("{\"schemaVersion\":2.0,\"config\":" CONFIG "}", ERR_FORMAT, "whole number");
    refuse_manifest(WITH_LAYER(DG ",\"size\":1"), ERR_FORMAT, "\"layers\"[1]: \"mediaType\"");
    refuse_manifest(WITH_LAYER(MT ",\"size\":1"), ERR_FORMAT, "\"digest\" is missing");
    refuse_manifest(WITH_LAYER(MT "," DG), ERR_FORMAT, "\"size\" is missing");
    refuse_manifest(WITH_LAYER(MT "," DG ",\"size\":-1"), ERR_FORMAT, "negative");
    refuse_manifest(WITH_LAYER(MT "," DG ",\"size\":1.0"), ERR_FORMAT, "whole number");
    refuse_manifest(WITH_LAYER(MT "," DG ",\"size\":\"1\""), ERR_FORMAT, "want a number");
    refuse_manifest(WITH_LAYER(MT "," DG ",\"size\":9223372036854775807"), ERR_LIMIT, "limit");
    refuse_manifest(WITH_LAYER(MT "," DG ",\"size\":1,\"size\":2"), ERR_FORMAT, "uplicate");
    refuse_manifest(WITH_LAYER(MT ",\"digest\":\"sha256:../../x\",\"size\":1"), ERR_FORMAT,
                    "hexadecimal");
    refuse_manifest(WITH_LAYER(MT ",\"digest\":\"sha512:00\",\"size\":1"), ERR_UNSUPPORTED,
                    "only sha256");
}

TEST(schema1_by_name)
{
    MediaKind kind;
    Err err;

    refuse_manifest("{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", ERR_UNSUPPORTED,
                    "schema 1");
    CHECK_ERR(manifest_kind(S("{\"fsLayers\":[{}]}"), S(""), &kind, &err), ERR_UNSUPPORTED,
              "schema 1");
    CHECK_ERR(manifest_kind(S("{}"), S("application/vnd.docker.distribution.manifest.v1+prettyjws"),
                            &kind, &err),
              ERR_UNSUPPORTED, "schema 1");
}

static MediaKind kind_of(const char *json, const char *type)
{
    MediaKind kind;
    Err err;

    CHECK_OK(manifest_kind(str_from(json), str_from(type), &kind, &err));
    return kind;
}

TEST(tells_kinds_apart)
{
    MediaKind kind;
    Err err;

    CHECK(kind_of(MANIFEST, "") == MEDIA_KIND_MANIFEST);
    CHECK(kind_of(MANIFEST, MEDIA_OCI_MANIFEST) == MEDIA_KIND_MANIFEST);
    CHECK(kind_of(MANIFEST, MEDIA_DOCKER_MANIFEST) == MEDIA_KIND_MANIFEST);
    CHECK(kind_of(MANIFEST, "application/octet-stream") == MEDIA_KIND_MANIFEST);
    CHECK(kind_of("{\"config\":{}}", "") == MEDIA_KIND_MANIFEST);
    CHECK(kind_of("{\"manifests\":[]}", "") == MEDIA_KIND_INDEX);
    CHECK(kind_of("{\"manifests\":null}", MEDIA_OCI_INDEX) == MEDIA_KIND_INDEX);
    CHECK(kind_of("{\"mediaType\":\"" MEDIA_DOCKER_LIST "\"}", "") == MEDIA_KIND_INDEX);

    CHECK_ERR(manifest_kind(S(MANIFEST), S(MEDIA_OCI_INDEX), &kind, &err), ERR_FORMAT, "declared");
    CHECK_ERR(manifest_kind(S("{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"manifests\":[]}"), S(""),
                            &kind, &err),
              ERR_FORMAT, "is an image index, but was declared to be an image manifest");
    CHECK_ERR(manifest_kind(S("{\"config\":{},\"manifests\":[]}"), S(""), &kind, &err), ERR_FORMAT,
              "of a manifest and of an index");
    CHECK_ERR(manifest_kind(S("{\"schemaVersion\":2}"), S(""), &kind, &err), ERR_FORMAT, "neither");
    refuse_manifest("{\"schemaVersion\":2,\"manifests\":[]}", ERR_FORMAT, "is an image index");
    refuse_index(MANIFEST, ERR_FORMAT, "is an image manifest");
}

/* {"config":..., "layers":[LAYER, LAYER, ...]} */
static void many_layers(size_t n, Buf *out)
{
    buf_add(out, S("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":["));
    for (size_t i = 0; i < n; i++) {
        buf_add_z(out, i ? "," : "");
        buf_add(out, S(LAYER));
    }
    buf_add(out, S("]}"));
}

TEST(layer_limit)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf fits = BUF_INIT(LIMIT_MANIFEST), over = BUF_INIT(LIMIT_MANIFEST);
    Manifest m;
    Err err;

    many_layers(LIMIT_LAYERS, &fits);
    CHECK_OK(buf_check(&fits, "test document", &err));
    CHECK_OK(manifest_parse(&a, buf_str(&fits), &m, &err));
    CHECK(m.n_layers == LIMIT_LAYERS);
    many_layers(LIMIT_LAYERS + 1, &over);
    CHECK_ERR(manifest_parse(&a, buf_str(&over), &m, &err), ERR_LIMIT, "4097 entries");
}

TEST(size_limit)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(2 * LIMIT_MANIFEST);
    Manifest m;
    Err err;

    buf_add(&text, S(MANIFEST));
    while (text.n <= LIMIT_MANIFEST)
        buf_add(&text, S("                                                                "));
    CHECK_ERR(manifest_parse(&a, buf_str(&text), &m, &err), ERR_LIMIT, "manifest is larger");
}

#define ENTRY(digest, members) \
    "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" digest "\",\"size\":9" members "}"
#define ON(os, arch) ",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"" os "\"}"
#define ON_ARM(variant) \
    ",\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"" variant "\"}"
#define INDEX(entries) \
    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[" entries "]}"

static void check_choice(const char *json, const char *platform, const char *digest)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Descriptor *d;
    Platform want;
    Index x;
    Err err;

    CHECK_OK(index_parse(&a, str_from(json), &x, &err));
    CHECK_OK(platform_parse(&a, str_from(platform), &want, &err));
    CHECK_OK(index_choose(&x, &want, &d, &err));
    CHECK_STR(str_from(d->digest.text), str_from(digest));
}

TEST(chooses)
{
    check_choice(INDEX(ENTRY(D1, ON("linux", "amd64")) "," ENTRY(D2, ON("linux", "arm64"))),
                 "linux/arm64", D2);
    check_choice(INDEX(ENTRY(D1, ON_ARM("v5")) "," ENTRY(D2, ON_ARM("v6")) "," ENTRY(D3, "")),
                 "linux/arm/v7", D2);
    check_choice(INDEX(ENTRY(D1, "")), "linux/amd64", D1);
    check_choice(INDEX(ENTRY(D1, ON("linux", "amd64")) "," ENTRY(D2, ON("linux", "amd64"))),
                 "linux/amd64", D1);
    check_choice(INDEX(ENTRY(D1, ON("unknown", "unknown")) "," ENTRY(D2, ON("linux", "amd64"))),
                 "linux/amd64", D2);
    check_choice(INDEX(ENTRY(D1, ",\"annotations\":{\"vnd.docker.reference.type\":"
                                 "\"attestation-manifest\"}") "," ENTRY(D2, "")),
                 "linux/amd64", D2);
    check_choice(INDEX("{\"mediaType\":\"application/vnd.other+json\",\"digest\":\"" D1
                       "\",\"size\":1}," ENTRY(D2, "")),
                 "linux/amd64", D2);
}

static void check_no_choice(const char *json, const char *platform, const char *part)
{
    cleanup_arena Arena a = ARENA_INIT;
    const Descriptor *d;
    Platform want;
    Index x;
    Err err;

    CHECK_OK(index_parse(&a, str_from(json), &x, &err));
    CHECK_OK(platform_parse(&a, str_from(platform), &want, &err));
    CHECK_ERR(index_choose(&x, &want, &d, &err), ERR_NOT_FOUND, part);
}

#define E3(os) ENTRY(D1, ON(os, "a")) "," ENTRY(D1, ON(os, "b")) "," ENTRY(D1, ON(os, "c"))

TEST(says_what_there_is)
{
    check_no_choice(INDEX(ENTRY(D1, ON("linux", "amd64")) "," ENTRY(D2, ON_ARM("v7"))), "linux/386",
                    "no image for linux/386 in the image index: it has linux/amd64, linux/arm/v7");
    check_no_choice(INDEX(ENTRY(D1, "")), "linux/arm64", "it has linux/amd64");
    check_no_choice(INDEX(ENTRY(D1, ON("unknown", "unknown"))), "linux/arm64", "none at all");
    check_no_choice(INDEX(E3("x") "," E3("y") "," E3("z")), "linux/arm64", "z/b and 1 more");
}

TEST(large_index)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    Index x;
    Err err;

    buf_add(&text, S("{\"schemaVersion\":2,\"manifests\":["));
    for (size_t i = 0; i < 10000; i++) {
        buf_add_z(&text, i ? "," : "");
        buf_add(&text, S(ENTRY(D1, ON("linux", "amd64"))));
    }
    buf_add(&text, S("]}"));
    CHECK_OK(index_parse(&a, buf_str(&text), &x, &err));
    CHECK(x.n_manifests == 10000);
    CHECK_STR(x.media_type, S(MEDIA_OCI_INDEX));
}

TEST(index_round_trip)
{
    static const char text[] =
        INDEX(ENTRY(D1, ",\"annotations\":{\"k\":\"v\"},\"platform\":{\"architecture\":\"arm64\","
                        "\"os\":\"linux\",\"os.version\":\"1\",\"variant\":\"v8\"}"));
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Index x;
    Err err;

    CHECK_OK(index_parse(&a, str_from(text), &x, &err));
    CHECK_STR(descriptor_annotation(&x.manifests[0], "k"), S("v"));
    CHECK_STR(descriptor_annotation(&x.manifests[0], "other"), S(""));
    index_format(&x, &out);
    CHECK_STR(buf_str(&out), str_from(text));
}

TEST_MAIN(T(round_trip), T(docker_manifest), T(lenient_about_absence), T(strict_about_presence),
          T(schema1_by_name), T(tells_kinds_apart), T(layer_limit), T(size_limit), T(chooses),
          T(says_what_there_is), T(large_index), T(index_round_trip))
