/* SPDX-License-Identifier: Apache-2.0 */
/* kiln push PATH -d REF...: an image that is on disk already, into registries. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cache/dir.h"
#include "cli/command.h"
#include "cli/digest_files.h"
#include "cli/registry_opts.h"
#include "cli/request.h"
#include "layer/compress.h"
#include "os/cpu.h"
#include "os/fd.h"
#include "store/archive_in.h"
#include "store/layout.h"

static const char usage[] =
    "Usage: kiln push PATH -d REF [-d REF]... [OPTIONS]\n"
    "\n"
    "Push an image that is on disk: PATH is an OCI image layout, or an archive as docker save,\n"
    "kiln and kaniko write it. An index goes with all its images.\n"
    "\n";

typedef struct Push {
    const Settings *s;
    Arena arena;
    RegistryOpts opts;
    Registry *registry;
    Store *store;
    int dir_lock; /* of the kiln directory that it is in, or -1 */
    VEC(Reference) tags;
    Descriptor root;
} Push;

static void push_done(Push *p)
{
    vec_done(&p->tags);
    registry_free(p->registry);
    registry_opts_done(&p->opts);
    store_free(p->store);
    close_at(&p->dir_lock);
    arena_done(&p->arena);
}

/* As a build compresses its layers, so that the same layer is the same blob. */
typedef struct Packer {
    LayerPacker p;
    Pool *pool;
} Packer;

static int pack_layer(LayerPacker *self, Store *s, const Digest *raw, Descriptor *ret, Err *err)
{
    static const LayerCodec codec = {.kind = COMPRESSION_GZIP, .gzip = GZIP_FAST, .level = 1};
    cleanup_with(compressor_free_at) Compressor *c = NULL;
    cleanup_close int fd = -1;
    LayerBlob blob;
    FdReader in;

    TRY(store_open_blob(s, raw, &fd, NULL, err));
    in = fd_reader(fd);
    TRY(compressor_new(s, ((Packer *)self)->pool, &codec, &c, err));
    TRY(io_copy(&in.r, compressor_writer(c), NULL, err));
    TRY(compressor_finish(c, &blob, err));
    if (!digest_eq(&blob.diff_id, raw))
        return err_set(err, ERR_DIGEST, "the layer changed while it was compressed");
    *ret = blob.desc;
    return 0;
}

static int open_archive(Push *p, const char *path, Err *err)
{
    cleanup_with(pool_free_at) Pool *pool = pool_new(cpu_count());
    Packer packer = {{pack_layer}, pool};

    return archive_read(p->store, path, &packer.p, &p->root, &p->arena, err);
}

static int open_image(Push *p, const char *path, Err *err)
{
    struct stat st;
    const char *dir;

    if (stat(path, &st) < 0)
        return err_sys(err, "%s", path);
    if (S_ISDIR(st.st_mode)) {
        TRY(layout_open(path, &p->store, err));
        return layout_only_image(p->store, &p->root, &p->arena, err);
    }
    dir = p->s->kiln_dir ? p->s->kiln_dir : default_kiln_dir(&p->arena);
    TRY(cache_dir_open(dir, &p->store, &p->dir_lock, err));
    return open_archive(p, path, err);
}

static int parse_tags(Push *p, Err *err)
{
    vec_foreach(t, &p->s->tags) {
        Reference ref;

        TRY(reference_parse(&p->arena, *t, &ref, err));
        vec_push(&p->tags, ref);
    }
    return 0;
}

/* The repositories first one by one: what the first has got, the others can mount. */
static int push_all(Push *p, Err *err)
{
    const Reference *first = NULL;

    vec_foreach(t, &p->tags) {
        Str name = reference_familiar(&p->arena, t);

        if (registry_push_tree(p->registry, t, &p->root, p->store, first, err) == 0) {
            log_line(LOG_INFO, "pushed " STR_FMT "@%s", STR_ARG(name), p->root.digest.text);
            first = first ? first : t;
        } else if (p->s->ignore_immutable && err->kind == ERR_IMMUTABLE) {
            log_line(LOG_WARN, STR_FMT " stays as it is: the tag is immutable", STR_ARG(name));
        } else {
            return err_wrap(err, "push " STR_FMT, STR_ARG(name));
        }
    }
    return 0;
}

static int check_permission(Push *p, Err *err)
{
    vec_foreach(t, &p->tags)
        if (registry_check_push(p->registry, t, err) < 0)
            return err_wrap(err,
                            "checking push permission for " STR_FMT
                            " (skip with --skip-push-permission-check)",
                            STR_ARG(reference_familiar(&p->arena, t)));
    return 0;
}

static int push(Push *p, Err *err)
{
    const Settings *s = p->s;
    DigestFiles files = {.digest = s->digest_file,
                         .name_digest = s->name_digest_file,
                         .name_tag_digest = s->name_tag_digest_file,
                         .metadata = s->metadata_file,
                         .output_dir = getenv("BUILDER_OUTPUT")};

    if (s->positional.n != 1)
        return err_set(err, ERR_USAGE, "say which image: kiln push PATH -d REF");
    TRY(parse_tags(p, err));
    if (p->tags.n == 0)
        return err_set(err, ERR_USAGE, "say where to: -d REF");
    TRY(digest_files_check(&files, err));
    TRY(registry_opts_fill(s, &p->arena, &p->opts, err));
    TRY(registry_new(&p->opts, &p->registry, err));
    TRY(open_image(p, s->positional.v[0].p, err));
    if (!s->skip_push_check)
        TRY(check_permission(p, err));
    TRY(push_all(p, err));
    if (s->quiet)
        (void)printf("%s\n", p->root.digest.text);
    return digest_files_write(
        &files,
        &(Delivered){.tags = p->tags.v, .n_tags = p->tags.n, .manifest = &p->root, .pushed = true},
        err);
}

static int run(const Settings *s, Err *err)
{
    cleanup_with(push_done) Push p = {.s = s, .dir_lock = -1};

    return push(&p, err);
}

int push_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_PUSH, usage, run};

    return command_main(&line, argc, argv);
}
