/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiln attach REF FILE...: files as an artifact whose subject is the image (OCI image-spec 1.1,
 * "Guidelines for Artifact Usage"), found again through the referrers API.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "cli/command.h"
#include "cli/registry_opts.h"
#include "cli/values.h"
#include "oci/config.h"
#include "oci/descriptor.h"
#include "os/fd.h"
#include "os/temp.h"

#define EMPTY_TYPE       "application/vnd.oci.empty.v1+json"
#define ANNOTATION_TITLE "org.opencontainers.image.title"

static const char usage[] =
    "Usage: kiln attach REF FILE[:MEDIA-TYPE]... --artifact-type TYPE [OPTIONS]\n"
    "\n"
    "Attach files (a bill of materials, a signature, a report) to an image in a registry.\n"
    "kiln inspect --referrers REF lists them.\n"
    "\n";

typedef struct Attach {
    const Settings *s;
    Arena arena;
    RegistryOpts opts;
    Registry *registry;
    Temp *dir;
    Store *store;
    Reference ref;
    Descriptor subject;
    KeyValueVec annotations;
    Manifest m;
} Attach;

static void attach_done(Attach *x)
{
    vec_done(&x->annotations);
    registry_free(x->registry);
    registry_opts_done(&x->opts);
    store_free(x->store);
    temp_free(x->dir);
    arena_done(&x->arena);
}

/* FILE:TYPE, where TYPE has a '/' and FILE as it stands does not exist. */
static void split_type(Attach *x, Str word, Str *ret_path, Str *ret_type)
{
    Str path, type;

    *ret_path = word;
    *ret_type = S("application/octet-stream");
    if (access(str_dup_in(&x->arena, word).p, F_OK) < 0 && str_cut_last(word, ':', &path, &type) &&
        str_contains(type, S("/"))) {
        *ret_path = str_dup_in(&x->arena, path);
        *ret_type = type;
    }
}

static int add_file(Attach *x, Str word, Descriptor *ret, Err *err)
{
    cleanup_with(blob_writer_free_at) BlobWriter *b = NULL;
    cleanup_close int fd = -1;
    Str path, type;
    FdReader in;

    split_type(x, word, &path, &type);
    fd = open(str_dup_in(&x->arena, path).p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, STR_FMT, STR_ARG(path));
    in = fd_reader(fd);
    *ret = (Descriptor){.media_type = type, .n_annotations = 1};
    ret->annotations = arena_new(&x->arena, Annotation);
    *ret->annotations = (Annotation){S(ANNOTATION_TITLE), path_base(path)};
    TRY(blob_writer_new(x->store, &b, err));
    if (io_copy(&in.r, blob_writer(b), NULL, err) < 0)
        return err_wrap(err, STR_FMT, STR_ARG(path));
    return blob_writer_commit(b, NULL, UINT64_MAX, &ret->digest, &ret->size, err);
}

static int add_files(Attach *x, Err *err)
{
    size_t n = x->s->positional.n - 1;

    x->m.layers = arena_new_n(&x->arena, Descriptor, n + 1);
    for (size_t i = 0; i < n; i++)
        TRY(add_file(x, x->s->positional.v[i + 1], &x->m.layers[i], err));
    x->m.n_layers = n;
    return 0;
}

static int find_subject(Attach *x, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Descriptor d;

    TRY(registry_fetch(x->registry, &x->ref, &d, &json, &x->arena, err));
    x->subject = (Descriptor){.media_type = d.media_type, .digest = d.digest, .size = d.size};
    return 0;
}

static int open_store(Attach *x, Err *err)
{
    const char *tmp = getenv("TMPDIR");

    TRY(temp_dir(tmp ? tmp : "/tmp", "kiln-attach", &x->dir, err));
    return store_open(temp_path(x->dir), &x->store, err);
}

static int push_blobs(Attach *x, Err *err)
{
    PushOutcome ignored;

    for (size_t i = 0; i < x->m.n_layers; i++)
        TRY(registry_push_blob(x->registry, &x->ref, &x->m.layers[i], S(""), x->store, NULL,
                               &ignored, err));
    return registry_push_blob(x->registry, &x->ref, &x->m.config, S(""), x->store, NULL, &ignored,
                              err);
}

static int push(Attach *x, Err *err)
{
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Descriptor self = {.media_type = S(MEDIA_OCI_MANIFEST), .artifact_type = x->m.artifact_type};

    manifest_format(&x->m, &json);
    TRY(buf_check(&json, "the manifest", err));
    self.size = json.n;
    self.digest = digest_of(buf_str(&json));
    self.annotations = x->m.annotations;
    self.n_annotations = x->m.n_annotations;
    TRY(registry_push_referrer(x->registry, &x->ref, buf_str(&json), &self, &x->subject.digest,
                               err));
    log_line(LOG_INFO, "attached %s to %s", self.digest.text, x->subject.digest.text);
    if (x->s->quiet)
        (void)printf("%s\n", self.digest.text);
    return 0;
}

static int attach(Attach *x, Err *err)
{
    const Settings *s = x->s;

    if (s->positional.n < 2)
        return err_set(err, ERR_USAGE, "want: kiln attach REF FILE... --artifact-type TYPE");
    if (!s->artifact_type || !strchr(s->artifact_type, '/'))
        return err_set(err, ERR_USAGE,
                       "--artifact-type: say what it is, such as application/spdx+json");
    TRY(reference_parse(&x->arena, s->positional.v[0], &x->ref, err));
    TRY(parse_pairs(&x->arena, &s->annotations, "--annotation", LONE_WRONG, &x->annotations, err));
    TRY(open_store(x, err));
    TRY(registry_opts_fill(s, &x->arena, &x->opts, err));
    TRY(registry_new(&x->opts, &x->registry, err));
    TRY(add_files(x, err));
    TRY(find_subject(x, err));
    x->m.media_type = S(MEDIA_OCI_MANIFEST);
    x->m.artifact_type = str_from(s->artifact_type);
    x->m.config = (Descriptor){.media_type = S(EMPTY_TYPE), .size = 2};
    TRY(store_put(x->store, S("{}"), &x->m.config.digest, err));
    x->m.has_subject = true;
    x->m.subject = x->subject;
    x->m.annotations = arena_new_n(&x->arena, Annotation, x->annotations.n + 1);
    vec_foreach(kv, &x->annotations)
        x->m.annotations[x->m.n_annotations++] = (Annotation){kv->key, kv->value};
    TRY(push_blobs(x, err));
    return push(x, err);
}

static int run(const Settings *s, Err *err)
{
    cleanup_with(attach_done) Attach x = {.s = s};

    return attach(&x, err);
}

int attach_main(int argc, char **argv)
{
    static const CommandLine line = {FRONT_ATTACH, usage, run};

    return command_main(&line, argc, argv);
}
