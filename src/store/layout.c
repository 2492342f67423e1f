/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json is edited as a document, not as an Index: entries that other tools wrote keep every
 * member they have. Writers take the store's lock; readers need none, because the file is replaced
 * whole.
 */
#include "store/layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "oci/descriptor.h"
#include "os/file.h"
#include "os/lock.h"
#include "store/internal.h"

/* A layout may come with a build context: a fifo in it must not make us wait. */
int layout_read(int dirfd, const char *name, Buf *ret, Err *err)
{
    struct stat st;

    if (fstatat(dirfd, name, &st, 0) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_FORMAT, "%s is no regular file", name);
    return file_read(dirfd, name, ret, err);
}

int layout_check_version(int dirfd, const char *dir, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Str version;

    if (layout_read(dirfd, "oci-layout", &text, err) < 0) {
        if (err->kind != ERR_NOT_FOUND)
            return err_wrap(err, "%s", dir);
        return err_set(err, ERR_USAGE, "%s is no OCI image layout: it has no file oci-layout", dir);
    }
    if (json_parse(buf_str(&text), "oci-layout", &doc, err) < 0)
        return err_wrap(err, "%s", dir);
    if (!json_get_text(json_find(doc, "imageLayoutVersion"), &version))
        return err_set(err, ERR_FORMAT, "%s: oci-layout names no version", dir);
    if (!str_starts(version, S("1.")))
        return err_set(err, ERR_UNSUPPORTED, "%s: image layout version \"" STR_FMT "\"", dir,
                       STR_ARG(version));
    return 0;
}

int layout_open(const char *dir, Store **ret, Err *err)
{
    cleanup_with(store_free_at) Store *s = NULL;

    TRY(store_attach(dir, true, &s, err));
    TRY(layout_check_version(s->fd, dir, err));
    if (faccessat(s->fd, STORE_INDEX, F_OK, 0) < 0)
        return err_set(err, ERR_USAGE, "%s is no OCI image layout: it has no " STORE_INDEX, dir);
    *ret = steal_ptr(&s);
    return 0;
}

bool layout_was_replaced(const Store *s)
{
    struct stat ours, there;

    return fstat(s->fd, &ours) < 0 || stat(s->dir, &there) < 0 || ours.st_ino != there.st_ino ||
           ours.st_dev != there.st_dev;
}

static Json *index_new(void)
{
    Json *doc = json_new_map();

    json_set(doc, "schemaVersion", json_new_int(2));
    json_set_text(doc, "mediaType", S(MEDIA_OCI_INDEX));
    json_set(doc, "manifests", json_new_list());
    return doc;
}

static int index_load(Store *s, Json **ret, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);

    TRY(layout_read(s->fd, STORE_INDEX, &text, err));
    TRY(json_parse(buf_str(&text), STORE_INDEX, &doc, err));
    if (json_type(doc) != JSON_MAP)
        return err_set(err, ERR_FORMAT, STORE_INDEX ": want an object");
    *ret = steal_ptr(&doc);
    return 0;
}

static int index_save(Store *s, const Json *doc, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);

    json_format(doc, 0, &text);
    TRY(buf_check(&text, STORE_INDEX, err));
    return file_write_atomic(s->fd, STORE_INDEX, 0644, buf_str(&text), err);
}

int layout_ensure_index(Store *s, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_close int lock = -1;

    if (faccessat(s->fd, STORE_INDEX, F_OK, 0) == 0)
        return 0;
    TRY(lock_file(s->mark, LOCK_EXCLUSIVE, &lock, err));
    if (faccessat(s->fd, STORE_INDEX, F_OK, 0) == 0)
        return 0;
    doc = index_new();
    return index_save(s, doc, err);
}

/* The descriptor as an entry: its own annotations, and the name. */
static Json *entry_new(const Descriptor *d, Str ref_name)
{
    Json *entry = descriptor_to_json(d), *annotations;

    if (ref_name.n == 0)
        return entry;
    annotations = json_find(entry, "annotations");
    if (!annotations) {
        json_set(entry, "annotations", json_new_map());
        annotations = json_find(entry, "annotations");
    }
    json_set_text(annotations, ANNOTATION_REF_NAME, ref_name);
    return entry;
}

/* Whether the new entry takes the old one's place: the same name, or nameless and the same image. */
static bool is_replaced(const Json *old, const Descriptor *d, Str ref_name)
{
    Str name = S(""), digest = S("");

    (void)json_get_text(json_find(json_find(old, "annotations"), ANNOTATION_REF_NAME), &name);
    (void)json_get_text(json_find(old, "digest"), &digest);
    if (ref_name.n)
        return str_eq(name, ref_name);
    return name.n == 0 && str_eq(digest, str_from(d->digest.text));
}

static void index_put(Json *doc, const Descriptor *d, Str ref_name)
{
    const Json *old = json_find(doc, "manifests");
    Json *list = json_new_list();
    bool placed = false;

    for (size_t i = 0; i < json_count(old); i++) {
        const Json *entry = json_at(old, i);

        if (!is_replaced(entry, d, ref_name))
            json_append(list, json_copy_deep(entry));
        else if (!placed)
            json_append(list, entry_new(d, ref_name));
        placed = placed || is_replaced(entry, d, ref_name);
    }
    if (!placed)
        json_append(list, entry_new(d, ref_name));
    json_set(doc, "manifests", list);
}

static int index_edit(Store *s, const Descriptor *d, Str ref_name, bool fresh, Err *err)
{
    cleanup_with(json_free_at) Json *doc = NULL;
    cleanup_close int lock = -1;

    if (s->foreign)
        return err_set(err, ERR_USAGE, "it was opened for reading only");
    TRY(lock_file(s->mark, LOCK_EXCLUSIVE, &lock, err));
    if (fresh)
        doc = index_new();
    else
        TRY(index_load(s, &doc, err));
    index_put(doc, d, ref_name);
    return index_save(s, doc, err);
}

int layout_set(Store *s, const Descriptor *manifest, Str ref_name, Err *err)
{
    if (index_edit(s, manifest, ref_name, false, err) < 0)
        return err_wrap(err, "layout %s", s->dir);
    return 0;
}

int layout_reset(Store *s, const Descriptor *manifest, Str ref_name, Err *err)
{
    if (index_edit(s, manifest, ref_name, true, err) < 0)
        return err_wrap(err, "layout %s", s->dir);
    return 0;
}
