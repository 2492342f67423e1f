/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/digest_files.h"

#include <fcntl.h>

#include "base/limits.h"
#include "os/file.h"

static int write_file(const char *path, Str text, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str dir = path_dir(str_from(path));

    if (dir.n)
        TRY(dir_make_all(AT_FDCWD, str_dup_in(&a, dir).p, 0755, err));
    return file_write(AT_FDCWD, path, 0644, text, err);
}

/* Docker Hub's name in these files has always been the old one. */
static Str registry_name(const Reference *r)
{
    return str_eq(r->registry, S("docker.io")) ? S("index.docker.io") : r->registry;
}

static int write_names(const Request *r, const BuildResult *result, const char *path, bool with_tag,
                       Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    vec_foreach(t, &r->build.tags) {
        buf_addf(&text, STR_FMT "/" STR_FMT, STR_ARG(registry_name(t)), STR_ARG(t->repository));
        if (with_tag && t->tag.n)
            buf_addf(&text, ":" STR_FMT, STR_ARG(t->tag));
        buf_addf(&text, "@%s\n", result->manifest.digest.text);
    }
    return write_file(path, buf_str(&text), err);
}

int digest_files_check(const Request *r, Err *err)
{
    const struct {
        const char *option, *path;
    } files[] = {{"digest-file", r->digest_file},
                 {"image-name-with-digest-file", r->name_digest_file},
                 {"image-name-tag-with-digest-file", r->name_tag_digest_file}};

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i].path && file_check_target(files[i].path, false, true, err) < 0)
            return err_wrap(err, "--%s", files[i].option);
    return 0;
}

int digest_files_write(const Request *r, const BuildResult *result, Err *err)
{
    if (r->digest_file)
        TRY(write_file(r->digest_file, str_from(result->manifest.digest.text), err));
    if (r->name_digest_file)
        TRY(write_names(r, result, r->name_digest_file, false, err));
    if (r->name_tag_digest_file)
        TRY(write_names(r, result, r->name_tag_digest_file, true, err));
    return 0;
}
