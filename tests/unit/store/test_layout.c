/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "make.h"
#include "store/layout.h"

static Descriptor named(const char *text)
{
    return (Descriptor){.media_type = S(MEDIA_OCI_MANIFEST),
                        .digest = digest_of(str_from(text)),
                        .size = 1};
}

static Index read_index(const Scratch *dir, const char *path, Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    Index x;
    Err err;

    CHECK_OK(file_read(dir->fd, path, &text, &err));
    CHECK_OK(index_parse(a, buf_str(&text), &x, &err));
    return x;
}

TEST(adds_and_replaces_by_name)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor one = named("one"), two = named("two"), three = named("three");
    Index x;
    Err err;

    CHECK_OK(layout_set(s, &one, S("app:1"), &err));
    CHECK_OK(layout_set(s, &two, S("app:2"), &err));
    CHECK_OK(layout_set(s, &three, S("app:1"), &err));
    x = read_index(&dir, "s/index.json", &a);
    CHECK(x.n_manifests == 2);
    CHECK(digest_eq(&x.manifests[0].digest, &three.digest)); /* in its place */
    CHECK_STR(descriptor_annotation(&x.manifests[0], ANNOTATION_REF_NAME), S("app:1"));
    CHECK(digest_eq(&x.manifests[1].digest, &two.digest));
}

TEST(nameless_entries_go_by_digest)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor one = named("one"), two = named("two");
    Index x;
    Err err;

    CHECK_OK(layout_set(s, &one, S(""), &err));
    CHECK_OK(layout_set(s, &two, S(""), &err));
    CHECK_OK(layout_set(s, &one, S(""), &err));
    CHECK_OK(layout_set(s, &one, S("named"), &err));
    x = read_index(&dir, "s/index.json", &a);
    CHECK(x.n_manifests == 3);
    CHECK(x.manifests[0].n_annotations == 0);
}

TEST(keeps_annotations_of_the_image)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    Annotation notes[] = {{S("k"), S("v")}, {S(ANNOTATION_REF_NAME), S("old")}};
    Descriptor d = named("one");
    Index x;
    Err err;

    d.annotations = notes;
    d.n_annotations = 2;
    CHECK_OK(layout_set(s, &d, S("new"), &err));
    x = read_index(&dir, "s/index.json", &a);
    CHECK(x.manifests[0].n_annotations == 2);
    CHECK_STR(descriptor_annotation(&x.manifests[0], "k"), S("v"));
    CHECK_STR(descriptor_annotation(&x.manifests[0], ANNOTATION_REF_NAME), S("new"));
}

TEST(keeps_what_others_wrote)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Descriptor d = named("one");
    Err err;

    put(dir.fd, "s/index.json",
        "{\"schemaVersion\":2,\"x-top\":[1],\"manifests\":[{\"mediaType\":\"m\",\"x-entry\":{}}]}");
    CHECK_OK(layout_set(s, &d, S("a"), &err));
    CHECK_OK(file_read(dir.fd, "s/index.json", &text, &err));
    CHECK(strstr(buf_z(&text), "\"x-top\":[1]"));
    CHECK(strstr(buf_z(&text), "{\"mediaType\":\"m\",\"x-entry\":{}},{"));
}

TEST(null_list)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor d = named("one");
    Err err;

    put(dir.fd, "s/index.json", "{\"schemaVersion\":2,\"manifests\":null}");
    CHECK_OK(layout_set(s, &d, S("a"), &err));
    CHECK(read_index(&dir, "s/index.json", &a).n_manifests == 1);
}

TEST(starts_afresh)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor one = named("one"), two = named("two");
    Index x;
    Err err;

    CHECK_OK(layout_set(s, &one, S("a"), &err));
    CHECK_OK(layout_reset(s, &two, S("b"), &err));
    x = read_index(&dir, "s/index.json", &a);
    CHECK(x.n_manifests == 1 && digest_eq(&x.manifests[0].digest, &two.digest));
    put(dir.fd, "s/index.json", "damaged");
    CHECK_ERR(layout_set(s, &one, S("a"), &err), ERR_FORMAT, store_dir(s));
    CHECK_OK(layout_reset(s, &one, S("a"), &err));
}

TEST(opens_layouts_only)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    Descriptor d = named("one");
    Store *opened = NULL;
    char path[512];
    Err err;

    CHECK_ERR(layout_open(dir.path, &opened, &err), ERR_USAGE, "no file oci-layout");
    (void)snprintf(path, sizeof(path), "%s/nowhere", dir.path);
    CHECK_ERR(layout_open(path, &opened, &err), ERR_SYS, path);
    CHECK(unlinkat(dir.fd, "s/index.json", 0) == 0);
    CHECK_ERR(layout_open(store_dir(s), &opened, &err), ERR_USAGE, "no index.json");
    put(dir.fd, "s/index.json", "{\"manifests\":[]}");
    CHECK_OK(layout_open(store_dir(s), &opened, &err));
    CHECK_ERR(layout_set(opened, &d, S("a"), &err), ERR_USAGE, "reading only");
    CHECK_FILE(dir.fd, "s/index.json", S("{\"manifests\":[]}"));
    store_free(opened);
}

/* Opening a directory to read from it creates nothing there. */
TEST(opening_leaves_no_trace)
{
    cleanup_scratch Scratch dir = scratch_new();
    Store *opened = NULL;
    char path[512];
    Err err;

    (void)snprintf(path, sizeof(path), "%s/l", dir.path);
    CHECK(mkdirat(dir.fd, "l", 0755) == 0);
    put(dir.fd, "l/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    put(dir.fd, "l/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    CHECK_OK(layout_open(path, &opened, &err));
    store_free(opened);
    CHECK(count_names(dir.fd, "l") == 2);
}

TEST(fifo_does_not_block)
{
    cleanup_scratch Scratch dir = scratch_new();
    Store *opened = NULL;
    Err err;

    CHECK(mkfifoat(dir.fd, "oci-layout", 0600) == 0);
    CHECK_ERR(layout_open(dir.path, &opened, &err), ERR_FORMAT, "no regular file");
}

enum {
    PROCESSES = 4,
    NAMES = 10
};

static void set_names(const Scratch *dir, size_t who)
{
    cleanup_store Store *s = open_store(dir, "s");

    for (size_t i = 0; i < NAMES; i++) {
        cleanup_arena Arena a = ARENA_INIT;
        Str name = str_fmt_in(&a, "p%zu:%zu", who, i);
        Descriptor d = named("x");
        Err err;

        d.digest = digest_of(name);
        CHECK_OK(layout_set(s, &d, name, &err));
    }
}

/* No entry gets lost, however the processes interleave. */
TEST(many_processes)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_arena Arena a = ARENA_INIT;
    pid_t pids[PROCESSES];

    for (size_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0) {
            set_names(&dir, i);
            _exit(0);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status;

        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    }
    CHECK(read_index(&dir, "s/index.json", &a).n_manifests == PROCESSES * NAMES);
}

TEST_MAIN(T(adds_and_replaces_by_name), T(nameless_entries_go_by_digest),
          T(keeps_annotations_of_the_image), T(keeps_what_others_wrote), T(null_list),
          T(starts_afresh), T(opens_layouts_only), T(opening_leaves_no_trace),
          T(fifo_does_not_block), T(many_processes))
