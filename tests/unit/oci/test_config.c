/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "oci/config.h"
#include "test.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

/* As an OCI builder writes one. */
static const char oci_text[] =
    "{\"created\":\"2026-03-01T12:00:00.5Z\",\"author\":\"A <a@example.org>\","
    "\"architecture\":\"arm64\",\"os\":\"linux\",\"os.version\":\"6\",\"os.features\":[\"x\"],"
    "\"variant\":\"v8\",\"config\":{\"User\":\"1000:1000\",\"ExposedPorts\":{\"53/udp\":{},"
    "\"80/tcp\":{}},\"Env\":[\"PATH=/usr/bin:/bin\",\"EMPTY=\",\"EQ=a=b\",\"BARE\"],"
    "\"Entrypoint\":[\"/entry\",\"--x\"],\"Cmd\":[\"sh\",\"-c\",\"echo \\\"hi\\\" / \xc3\xa9\"],"
    "\"Volumes\":{\"/data\":{},\"/var/lib/x\":{}},\"WorkingDir\":\"/srv\","
    "\"Labels\":{\"a\":\"1\",\"b.c\":\"\"},\"StopSignal\":\"SIGQUIT\",\"ArgsEscaped\":true,"
    "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":5000000000,"
    "\"Timeout\":90000000000,\"StartPeriod\":1000000,\"StartInterval\":2000000,\"Retries\":3},"
    "\"OnBuild\":[\"RUN true\"],\"Shell\":[\"/bin/ash\",\"-ec\"],\"StopTimeout\":10},"
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D2 "\"]},"
    "\"history\":[{\"created\":\"2026-03-01T11:00:00Z\",\"created_by\":\"ADD rootfs.tar /\","
    "\"author\":\"me\",\"comment\":\"base\"},{\"created_by\":\"ENV A=1\",\"empty_layer\":true},"
    "{\"created_by\":\"RUN true\"}],\"moby.buildkit.cache.v0\":\"eyJ4IjoxfQ==\"}";

/* As Docker's classic builder wrote them: nulls, container members, other order. */
static const char docker_text[] =
    "{\"architecture\":\"amd64\",\"config\":{\"Hostname\":\"c0ffee\",\"Domainname\":\"\","
    "\"User\":\"\",\"AttachStdin\":false,\"Tty\":false,\"ExposedPorts\":null,\"Env\":[\"A=1\"],"
    "\"Cmd\":\"/bin/bash\",\"Image\":\"" D1 "\",\"Volumes\":null,\"WorkingDir\":\"\","
    "\"Entrypoint\":null,\"OnBuild\":[],\"Labels\":null,\"Healthcheck\":null},"
    "\"container\":\"c0ffee\",\"container_config\":{\"Hostname\":\"c0ffee\",\"Cmd\":[\"x\"]},"
    "\"created\":\"2019-05-11T00:07:03.510395965Z\",\"docker_version\":\"18.06.1-ce\","
    "\"hostname\":\"h\",\"history\":[{\"created\":\"2019-05-11T00:07:03.358250803Z\","
    "\"created_by\":\"/bin/sh -c #(nop) ADD file:x in / \"}],\"os\":\"linux\","
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}}";

static void parse(const char *text, ImageConfig *ret)
{
    Err err;

    CHECK_OK(image_config_parse(str_from(text), ret, &err));
}

static void check_format(const ImageConfig *c, const char *want)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_CONFIG);

    image_config_format(c, &out);
    CHECK_STR(buf_str(&out), str_from(want));
}

TEST(oci_round_trip)
{
    cleanup_image_config ImageConfig c = {0};

    parse(oci_text, &c);
    check_format(&c, oci_text);
    CHECK_STR(c.platform.variant, S("v8"));
    CHECK(c.env.n == 4 && !c.env.v[3].value.p && c.env.v[1].value.p);
    CHECK_STR(c.env.v[2].value, S("a=b"));
    CHECK(c.healthcheck.set && c.healthcheck.timeout_ns == 90000000000);
    CHECK(c.diff_ids.n == 2 && c.history.n == 3 && c.history.v[1].empty_layer);
}

TEST(docker_document)
{
    cleanup_image_config ImageConfig c = {0};

    parse(docker_text, &c);
    CHECK(c.cmd.n == 1 && c.entrypoint.n == 0 && !c.healthcheck.set);
    check_format(&c, "{\"created\":\"2019-05-11T00:07:03.510395965Z\",\"architecture\":\"amd64\","
                     "\"os\":\"linux\",\"config\":{\"Env\":[\"A=1\"],\"Cmd\":[\"/bin/bash\"],"
                     "\"AttachStdin\":false,\"Tty\":false},\"rootfs\":{\"type\":\"layers\","
                     "\"diff_ids\":[\"" D1 "\"]},\"history\":[{\"created\":"
                     "\"2019-05-11T00:07:03.358250803Z\",\"created_by\":"
                     "\"/bin/sh -c #(nop) ADD file:x in / \"}]}");
}

TEST(next_to_nothing)
{
    static const char *const texts[] = {
        "{}",
        "{\"created\":null,\"config\":null,\"history\":null,\"rootfs\":null}",
        "{\"architecture\":\"\",\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}",
        "{\"config\":{},\"history\":[],\"rootfs\":{}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cleanup_image_config ImageConfig c = {0};

        parse(texts[i], &c);
        check_format(&c, "{\"architecture\":\"\",\"os\":\"\",\"config\":{},"
                         "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    }
}

TEST(sets_are_sorted)
{
    cleanup_image_config ImageConfig c = {0};

    parse("{\"config\":{\"Labels\":{\"z\":\"1\",\"a\":\"2\"},\"Volumes\":{\"/z\":{},\"/a\":{}}}}",
          &c);
    CHECK_STR(c.labels.v[0].key, S("z")); /* first appearance */
    str_set_add(&c.volumes, &c.arena, S("/m"));
    str_set_add(&c.volumes, &c.arena, S("/z"));
    CHECK(c.volumes.n == 3);
    CHECK_STR(c.volumes.v[1], S("/m"));
    str_set_add(&c.exposed_ports, &c.arena, S("2/tcp"));
    str_set_add(&c.exposed_ports, &c.arena, S("10/tcp"));
    str_set_add(&c.exposed_ports, &c.arena, S("2/tcp"));
    CHECK(c.exposed_ports.n == 2);
    CHECK_STR(c.exposed_ports.v[0], S("10/tcp"));
    c.exposed_ports.n = 0;
    check_format(&c, "{\"architecture\":\"\",\"os\":\"\",\"config\":{\"Volumes\":{\"/a\":{},"
                     "\"/m\":{},\"/z\":{}},\"Labels\":{\"a\":\"2\",\"z\":\"1\"}},"
                     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    CHECK_STR(c.labels.v[0].key, S("z"));
}

TEST(refuses)
{
    static const struct {
        const char *text;
        ErrKind kind;
        const char *part;
    } cases[] = {
        {"", ERR_FORMAT, "image config"},
        {"null", ERR_FORMAT, "want an object"},
        {"{\"os\":1}", ERR_FORMAT, "\"os\" is a number, want a string"},
        {"{\"config\":[]}", ERR_FORMAT, "\"config\" is a list"},
        {"{\"config\":{\"Env\":\"A=1\"}}", ERR_FORMAT, "\"config\": \"Env\" is a string"},
        {"{\"config\":{\"Env\":[\"A=1\",2]}}", ERR_FORMAT, "\"Env\"[1] is a number"},
        {"{\"config\":{\"Labels\":{\"a\":1}}}", ERR_FORMAT, "label \"a\""},
        {"{\"config\":{\"Healthcheck\":{\"Retries\":1.5}}}", ERR_FORMAT, "whole number"},
        {"{\"config\":{\"Healthcheck\":{\"Interval\":\"5s\"}}}", ERR_FORMAT, "\"Interval\""},
        {"{\"os\":\"a\",\"os\":\"b\"}", ERR_FORMAT, "image config"},
        {"{\"history\":[{},1]}", ERR_FORMAT, "\"history\"[1]"},
        {"{\"rootfs\":{\"type\":\"layers+base\"}}", ERR_UNSUPPORTED, "layers+base"},
        {"{\"rootfs\":{\"diff_ids\":[\"x\"]}}", ERR_FORMAT, "digest"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha512:00\"]}}", ERR_UNSUPPORTED, "only sha256"},
        {"{} x", ERR_FORMAT, "image config"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ImageConfig c = {.args_escaped = true};
        Err err;

        CHECK_ERR(image_config_parse(str_from(cases[i].text), &c, &err), cases[i].kind,
                  cases[i].part);
        CHECK(c.args_escaped && !c.arena.page); /* untouched */
    }
}

TEST(too_many_diff_ids)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_CONFIG);
    ImageConfig c;
    Err err;

    buf_add(&text, S("{\"rootfs\":{\"diff_ids\":["));
    for (size_t i = 0; i <= LIMIT_LAYERS; i++)
        buf_add_z(&text, i ? ",\"" D1 "\"" : "\"" D1 "\"");
    buf_add(&text, S("]}}"));
    CHECK_ERR(image_config_parse(buf_str(&text), &c, &err), ERR_LIMIT, "diff_ids");
}

/* The copy must be equal, and must outlive and be independent of the original. */
TEST(copies_deeply)
{
    cleanup_image_config ImageConfig copy = {0};

    {
        cleanup_image_config ImageConfig c = {0};

        parse(oci_text, &c);
        image_config_copy(&c, &copy);
        key_values_set(&c.env, &c.arena, S("PATH"), S("/changed"));
        c.history.n = 0;
        json_set_text(c.rest, "moby.buildkit.cache.v0", S("changed"));
    }
    check_format(&copy, oci_text);
}

TEST(copies_the_empty)
{
    cleanup_image_config ImageConfig c = {0}, copy = {0};

    image_config_copy(&c, &copy);
    check_format(&copy, "{\"architecture\":\"\",\"os\":\"\",\"config\":{},"
                        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

TEST(key_values)
{
    cleanup_image_config ImageConfig c = {0};

    parse("{\"config\":{\"Env\":[\"A=1\",\"B=2\",\"A=3\",\"C=4\"]}}", &c);
    key_values_set(&c.env, &c.arena, S("D"), S("5"));
    key_values_set(&c.env, &c.arena, S("A"), S("6"));
    CHECK(c.env.n == 4);
    CHECK_STR(c.env.v[0].key, S("A"));
    CHECK_STR(c.env.v[0].value, S("6"));
    CHECK_STR(c.env.v[3].key, S("D"));
    CHECK_STR(key_values_find(&c.env, S("C"))->value, S("4"));
    CHECK(!key_values_find(&c.env, S("c")));
    key_values_set(&c.env, &c.arena, S("C"), S(""));
    CHECK(key_values_find(&c.env, S("C"))->value.p); /* "C=", not "C" */
}

TEST(times)
{
    static const struct {
        int64_t ns;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {1795416000000000000, "2026-11-23T06:40:00Z"},
        {1795416000500000000, "2026-11-23T06:40:00.5Z"},
        {1795416000123456780, "2026-11-23T06:40:00.12345678Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {-1000000000, "1969-12-31T23:59:59Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_arena Arena a = ARENA_INIT;

        CHECK_STR(time_format_rfc3339(&a, cases[i].ns), str_from(cases[i].want));
    }
}

TEST_MAIN(T(oci_round_trip), T(docker_document), T(next_to_nothing), T(sets_are_sorted), T(refuses),
          T(too_many_diff_ids), T(copies_deeply), T(copies_the_empty), T(key_values), T(times))
