/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another implementation makes of our archives and layouts, and we of its: skopeo, when it is
 * installed. Nothing here needs the network or a container store.
 */
#include "make.h"
#include "store/archive.h"

/* The exit status of "skopeo --insecure-policy ..." with quiet output; -1: it could not be run. */
static int skopeo(const Scratch *dir, const char *const args[], size_t n)
{
    char *argv[16] = {(char *)(uintptr_t) "skopeo", (char *)(uintptr_t) "--insecure-policy",
                      (char *)(uintptr_t) "--tmpdir", (char *)(uintptr_t)dir->path};
    int status;
    pid_t pid;

    CHECK(n + 5 <= ARRAY_LEN(argv));
    for (size_t i = 0; i < n; i++)
        argv[4 + i] = (char *)(uintptr_t)args[i];
    fflush(stdout);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int log = openat(dir->fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

static bool have_skopeo(const Scratch *dir)
{
    const char *const args[] = {"--version"};

    if (skopeo(dir, args, 1) == 0)
        return true;
    printf("skip: skopeo is not installed\n");
    return false;
}

/* exact: every byte of every platform, or an error. Else the plain layer gets compressed. */
static void copy(const Scratch *dir, bool exact, const char *from, const char *to)
{
    const char *const args[] = {"copy", exact ? "--preserve-digests" : "--quiet",
                                exact ? "--all" : "--quiet", from, to};
    cleanup_buf Buf log = BUF_INIT(BUF_SMALL);
    Err err;

    if (skopeo(dir, args, ARRAY_LEN(args)) == 0)
        return;
    CHECK_OK(file_read(dir->fd, "log", &log, &err));
    fprintf(stderr, "skopeo copy %s %s: %s\n", from, to, buf_z(&log));
    abort();
}

static void place(const Scratch *dir, const char *kind, const char *name, char ret[640])
{
    (void)snprintf(ret, 640, "%s%s/%s", kind, dir->path, name);
}

/* The image in a layout that skopeo wrote; *ret_m is its manifest. */
static void resolve(const Scratch *dir, const char *layout, const char *selector, const char *arch,
                    Arena *a, Descriptor *ret, Manifest *ret_m)
{
    const Platform want = {.os = S("linux"), .arch = str_from(arch)};
    cleanup_store Store *s = open_layout(dir, layout);
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Err err;

    CHECK_OK(layout_resolve(s, str_from(selector), &want, ret, &json, a, &err));
    CHECK_OK(manifest_parse(a, buf_str(&json), ret_m, &err));
}

TEST(reads_our_layout)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "ours");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_image Image m = {0};
    char from[640], to[640];
    Descriptor d;
    Manifest theirs;
    Err err;

    if (!have_skopeo(&dir))
        return;
    make_image(s, "amd64", S("text"), &m);
    CHECK_OK(layout_set(s, &m.self, S("v1"), &err));
    place(&dir, "oci:", "ours:v1", from);
    place(&dir, "oci:", "theirs:copy", to);
    copy(&dir, true, from, to);
    resolve(&dir, "theirs", "copy", "amd64", &a, &d, &theirs);
    CHECK(digest_eq(&d.digest, &m.self.digest));
    resolve(&dir, "theirs", "", "amd64", &a, &d, &theirs);
    CHECK(digest_eq(&d.digest, &m.self.digest));
}

TEST(nested_index)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "ours");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_image Image x = {0}, y = {0};
    Descriptor entries[2], index, d;
    char from[640], to[640];
    Manifest theirs;
    Err err;

    if (!have_skopeo(&dir))
        return;
    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    entries[0] = on(&x, "amd64");
    entries[1] = on(&y, "arm64");
    index = make_index(s, entries, 2);
    CHECK_OK(layout_set(s, &index, S("multi"), &err));
    place(&dir, "oci:", "ours:multi", from);
    place(&dir, "oci:", "theirs:multi", to);
    copy(&dir, true, from, to);
    resolve(&dir, "theirs", "multi", "amd64", &a, &d, &theirs);
    CHECK(digest_eq(&d.digest, &x.self.digest));
    resolve(&dir, "theirs", "", "arm64", &a, &d, &theirs);
    CHECK(digest_eq(&d.digest, &y.self.digest));
}

TEST(reads_our_oci_archive)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "ours");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_image Image m = {0};
    char path[640], from[640], to[640];
    Descriptor d;
    Manifest theirs;
    Err err;

    if (!have_skopeo(&dir))
        return;
    make_image(s, "amd64", S("text"), &m);
    place(&dir, "", "image.tar", path);
    CHECK_OK(archive_write_oci(s, &m.self, S("v1"), path, &err));
    place(&dir, "oci-archive:", "image.tar:v1", from);
    place(&dir, "oci:", "theirs:v1", to);
    copy(&dir, true, from, to);
    resolve(&dir, "theirs", "v1", "amd64", &a, &d, &theirs);
    CHECK(digest_eq(&d.digest, &m.self.digest));
}

/* A docker archive has no manifest of its own: the configuration and the plain layer must survive. */
TEST(reads_our_docker_archive)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "ours");
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_image Image m = {0};
    const Str tag = S("docker.io/library/app:v1");
    char path[640], from[640], to[640];
    Descriptor d;
    Manifest theirs;
    Err err;

    if (!have_skopeo(&dir))
        return;
    make_image(s, "amd64", S("text"), &m);
    place(&dir, "", "image.tar", path);
    CHECK_OK(archive_write_docker(s, &m.manifest, &tag, 1, path, &err));
    place(&dir, "docker-archive:", "image.tar:docker.io/library/app:v1", from);
    place(&dir, "oci:", "theirs:v1", to);
    copy(&dir, false, from, to);
    resolve(&dir, "theirs", "v1", "amd64", &a, &d, &theirs);
    CHECK(digest_eq(&theirs.config.digest, &m.manifest.config.digest));
    CHECK(theirs.n_layers == 3);
}

TEST_MAIN(T(reads_our_layout), T(nested_index), T(reads_our_oci_archive),
          T(reads_our_docker_archive))
