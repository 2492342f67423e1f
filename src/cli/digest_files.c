/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/digest_files.h"

#include <fcntl.h>

#include "base/limits.h"
#include "codec/json.h"
#include "net/http.h"
#include "os/file.h"

static bool is_url(const char *path)
{
    return str_starts(str_from(path), S("https://"));
}

static int upload(const char *url, Str text, Err *err)
{
    static const HttpHeader type = {STR_LIT("Content-Type"), STR_LIT("text/plain")};
    cleanup_with(http_client_free_at) HttpClient *c = http_client_new(NULL);
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_arena Arena a = ARENA_INIT;

    TRY(http_do(
        c,
        &(HttpRequest){.method = "PUT", .url = url, .headers = &type, .n_headers = 1, .body = text},
        &answer, err));
    if (answer.status >= 200 && answer.status < 300)
        return 0;
    return err_set(err, ERR_HTTP, "PUT " STR_FMT ": HTTP %d",
                   STR_ARG(url_for_people(&a, str_from(url))), answer.status);
}

static int write_file(const char *path, Str text, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str dir = path_dir(str_from(path));

    if (is_url(path))
        return upload(path, text, err);
    if (dir.n)
        TRY(dir_make_all(AT_FDCWD, str_dup_in(&a, dir).p, 0755, err));
    return file_write(AT_FDCWD, path, 0644, text, err);
}

/* Docker Hub's name in these files has always been the old one. */
static Str registry_name(const Reference *r)
{
    return str_eq(r->registry, S("docker.io")) ? S("index.docker.io") : r->registry;
}

static void add_name(Buf *text, const Reference *t, bool with_tag)
{
    buf_addf(text, STR_FMT "/" STR_FMT, STR_ARG(registry_name(t)), STR_ARG(t->repository));
    if (with_tag && t->tag.n)
        buf_addf(text, ":" STR_FMT, STR_ARG(t->tag));
}

static int write_names(const Delivered *d, const char *path, bool with_tag, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < d->n_tags; i++) {
        add_name(&text, &d->tags[i], with_tag);
        buf_addf(&text, "@%s\n", d->manifest->digest.text);
    }
    TRY(buf_check(&text, "the list of names", err));
    return write_file(path, buf_str(&text), err);
}

/* The names of Skaffold's protocol: with the tag, as the destinations were given. */
static int write_output_dir(const Delivered *d, const char *dir, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < d->n_tags; i++) {
        cleanup_with(json_free_at) Json *line = json_new_map();
        cleanup_buf Buf name = BUF_INIT(BUF_SMALL);

        add_name(&name, &d->tags[i], true);
        json_set_text(line, "name", buf_str(&name));
        json_set_text(line, "digest", str_from(d->manifest->digest.text));
        json_format(line, 0, &text);
        buf_add_z(&text, "\n");
    }
    TRY(buf_check(&text, "the list of images", err));
    return write_file(str_fmt_in(&a, "%s/images", dir).p, buf_str(&text), err);
}

static Json *descriptor_json(const Descriptor *d)
{
    Json *j = json_new_map();

    json_set_text(j, "mediaType", d->media_type);
    json_set_text(j, "digest", str_from(d->digest.text));
    json_set(j, "size", json_new_int((int64_t)d->size));
    return j;
}

static int write_metadata(const Delivered *d, const char *path, Err *err)
{
    cleanup_with(json_free_at) Json *j = json_new_map();
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL), names = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < d->n_tags; i++)
        buf_addf(&names, "%s" STR_FMT, i ? "," : "", STR_ARG(reference_format(&a, &d->tags[i])));
    if (d->config)
        json_set_text(j, "containerimage.config.digest", str_from(d->config->text));
    json_set(j, "containerimage.descriptor", descriptor_json(d->manifest));
    json_set_text(j, "containerimage.digest", str_from(d->manifest->digest.text));
    if (names.n)
        json_set_text(j, "image.name", buf_str(&names));
    json_format(j, 2, &text);
    buf_add_z(&text, "\n");
    TRY(buf_check(&text, "the metadata", err));
    return write_file(path, buf_str(&text), err);
}

int digest_files_check(const DigestFiles *f, Err *err)
{
    const struct {
        const char *option, *path;
        bool is_dir;
    } files[] = {{"--digest-file", f->digest, false},
                 {"--image-name-with-digest-file", f->name_digest, false},
                 {"--image-name-tag-with-digest-file", f->name_tag_digest, false},
                 {"--iidfile", f->config_digest, false},
                 {"--metadata-file", f->metadata, false},
                 {"BUILDER_OUTPUT", f->output_dir, true}};

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i].path && !is_url(files[i].path) &&
            file_check_target(files[i].path, files[i].is_dir, true, err) < 0)
            return err_wrap(err, "%s", files[i].option);
    return 0;
}

int digest_files_write(const DigestFiles *f, const Delivered *d, Err *err)
{
    if (f->digest)
        TRY(write_file(f->digest, str_from(d->manifest->digest.text), err));
    if (f->name_digest)
        TRY(write_names(d, f->name_digest, false, err));
    if (f->name_tag_digest)
        TRY(write_names(d, f->name_tag_digest, true, err));
    if (f->config_digest && d->config)
        TRY(write_file(f->config_digest, str_from(d->config->text), err));
    if (f->metadata)
        TRY(write_metadata(d, f->metadata, err));
    return f->output_dir && d->pushed ? write_output_dir(d, f->output_dir, err) : 0;
}
