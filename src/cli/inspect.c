/* SPDX-License-Identifier: Apache-2.0 */
/* kiln inspect REF: what a registry has under a name, as JSON on standard output. */
#include <stdio.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/registry_opts.h"
#include "codec/json.h"
#include "oci/descriptor.h"
#include "os/temp.h"

static const char usage[] =
    "Usage: kiln inspect REF [OPTIONS]\n"
    "\n"
    "Show what a registry has under a name: one JSON object on standard output, with the image's\n"
    "manifest and config, or with the images of an index. --platform chooses one of those.\n"
    "\n";

typedef struct Inspect {
    const Settings *s;
    Registry *registry;
    Arena arena;
    Reference ref;
    Descriptor desc;
    Buf json; /* the document */
} Inspect;

static void inspect_done(Inspect *x)
{
    buf_done(&x->json);
    registry_free(x->registry);
    arena_done(&x->arena);
}

static int print(const Json *j, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_INDEX);

    json_format(j, 2, &out);
    TRY(buf_check(&out, "the answer", err));
    (void)printf("%s\n", buf_z(&out));
    return 0;
}

static int fetch(Inspect *x, Err *err)
{
    Platform platform;

    if (!x->s->platform)
        return registry_fetch(x->registry, &x->ref, &x->desc, &x->json, &x->arena, err);
    TRY(platform_parse(&x->arena, str_from(x->s->platform), &platform, err));
    return registry_resolve(x->registry, &x->ref, &platform, &x->desc, &x->json, &x->arena, err);
}

/* A config is a blob: it goes through a store that is thrown away. */
static int read_config(Inspect *x, const Manifest *m, Buf *ret, Err *err)
{
    cleanup_with(store_free_at) Store *store = NULL;
    cleanup_with(temp_free_at) Temp *dir = NULL;
    const char *tmp = getenv("TMPDIR");

    if (m->config.size > LIMIT_CONFIG)
        return err_set(err, ERR_LIMIT, "the config is larger than %zu bytes", LIMIT_CONFIG);
    TRY(temp_dir(tmp ? tmp : "/tmp", "kiln-inspect", &dir, err));
    TRY(store_open(temp_path(dir), &store, err));
    TRY(registry_pull_blob(x->registry, &x->ref, &m->config, store, NULL, err));
    return store_read_blob(store, &m->config.digest, ret, err);
}

static int parse_member(Json *into, const char *key, Str text, Err *err)
{
    Json *j;

    TRY(json_parse(text, key, &j, err));
    json_set(into, key, j);
    return 0;
}

static int show_manifest(Inspect *x, Json *out, Err *err)
{
    cleanup_buf Buf config = BUF_INIT(LIMIT_CONFIG);
    Manifest m;

    TRY(manifest_parse(&x->arena, buf_str(&x->json), &m, err));
    if (x->s->show_config) {
        TRY(read_config(x, &m, &config, err));
        (void)fwrite(config.p, 1, config.n, stdout);
        (void)printf("\n");
        return 0;
    }
    TRY(parse_member(out, "manifest", buf_str(&x->json), err));
    if (media_kind(m.config.media_type) == MEDIA_KIND_CONFIG) {
        TRY(read_config(x, &m, &config, err));
        TRY(parse_member(out, "config", buf_str(&config), err));
    }
    return print(out, err);
}

static int show_document(Inspect *x, Err *err)
{
    cleanup_with(json_free_at) Json *out = json_new_map();
    MediaKind kind;

    TRY(manifest_kind(buf_str(&x->json), x->desc.media_type, &kind, err));
    json_set_text(out, "name", reference_format(&x->arena, &x->ref));
    json_set_text(out, "digest", str_from(x->desc.digest.text));
    json_set_text(out, "mediaType", x->desc.media_type);
    json_set(out, "size", json_new_int((int64_t)x->desc.size));
    if (kind == MEDIA_KIND_MANIFEST)
        return show_manifest(x, out, err);
    if (x->s->show_config)
        return err_set(err, ERR_USAGE, "that is an index: choose an image with --platform");
    TRY(parse_member(out, "index", buf_str(&x->json), err));
    return print(out, err);
}

static int show_referrers(Inspect *x, Err *err)
{
    cleanup_with(json_free_at) Json *out = NULL;
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Index list;

    TRY(registry_referrers(x->registry, &x->ref, &x->desc.digest, &list, &x->arena, err));
    index_format(&list, &json);
    TRY(json_parse(buf_str(&json), "the list", &out, err));
    return print(out, err);
}

static int inspect(Inspect *x, Err *err)
{
    const Settings *s = x->s;

    if (s->positional.n != 1)
        return err_set(err, ERR_USAGE, "say which image: kiln inspect REF");
    TRY(reference_parse(&x->arena, s->positional.v[0], &x->ref, err));
    TRY(fetch(x, err));
    if (s->show_referrers)
        return show_referrers(x, err);
    if (!s->raw)
        return show_document(x, err);
    (void)fwrite(x->json.p, 1, x->json.n, stdout);
    return 0;
}

static int run(const Settings *s, Err *err)
{
    cleanup_registry_opts RegistryOpts opts = {0};
    cleanup_with(inspect_done) Inspect x = {.s = s, .json = BUF_INIT(LIMIT_MANIFEST)};
    int rc;

    TRY(registry_opts_fill(s, &x.arena, &opts, err));
    TRY(registry_new(&opts, &x.registry, err));
    rc = inspect(&x, err);
    if (rc == 0 && fflush(stdout) != 0)
        return err_sys(err, "write to standard output");
    return rc;
}

int inspect_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_INSPECT, usage, run};

    return command_main(&line, argc, argv);
}
