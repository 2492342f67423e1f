/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "make.h"
#include "os/fd.h"
#include "store/archive.h"
#include "tar/reader.h"

/* One line per entry: "MODE SIZE MTIME NAME", in the order of the archive. */
static void list_tar(Str bytes, Buf *out)
{
    MemReader in = mem_reader(bytes);
    cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&in.r);
    TarEntry e;
    Err err;
    int r;

    while ((r = tar_reader_next(t, &e, &err)) > 0)
        buf_addf(out, "%s%o %ju %jd " STR_FMT "\n", e.type == TAR_DIR ? "d" : "", e.mode,
                 (uintmax_t)e.size, (intmax_t)e.mtime_ns, STR_ARG(e.name));
    CHECK(r == 0);
}

/* The content of one entry; false when it is not there. */
static bool extract(Str bytes, Str name, Buf *out)
{
    MemReader in = mem_reader(bytes);
    cleanup_with(tar_reader_free_at) TarReader *t = tar_reader_new(&in.r);
    TarEntry e;
    Err err;

    while (tar_reader_next(t, &e, &err) > 0) {
        if (!str_eq(e.name, name))
            continue;
        CHECK_OK(reader_read_all(tar_reader_data(t), out, "entry", &err));
        return true;
    }
    return false;
}

static void dest_path(const Scratch *dir, const char *name, char path[512])
{
    (void)snprintf(path, 512, "%s/%s", dir->path, name);
}

TEST(docker)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL),
                    want = BUF_INIT(BUF_SMALL);
    cleanup_image Image m = {0};
    const Str tags[] = {S("docker.io/library/x:latest"), S("reg.io/y:1")};
    const Descriptor *l;
    char path[512];
    struct stat st;
    Err err;

    make_image(s, "amd64", S("text"), &m);
    l = m.manifest.layers;
    dest_path(&dir, "out.tar", path);
    CHECK_OK(archive_write_docker(s, &m.manifest, tags, 2, path, &err));
    CHECK_OK(file_read(AT_FDCWD, path, &tar, &err));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);

    CHECK(extract(buf_str(&tar), S("manifest.json"), &got));
    buf_addf(&want,
             "[{\"Config\":\"%s\",\"RepoTags\":[\"docker.io/library/x:latest\",\"reg.io/y:1\"],"
             "\"Layers\":[\"%s.tar.gz\",\"%s.tar\",\"%s.tar.gz\"]}]",
             m.manifest.config.digest.text, digest_hex(&l[0].digest).p, digest_hex(&l[1].digest).p,
             digest_hex(&l[0].digest).p);
    CHECK_STR(buf_str(&got), buf_str(&want));
    buf_truncate(&want, 0);
    buf_addf(&want,
             "644 %ju 0 %s\n644 %ju 0 %s.tar.gz\n644 %ju 0 %s.tar\n644 %zu 0 manifest.json\n",
             (uintmax_t)m.manifest.config.size, m.manifest.config.digest.text, (uintmax_t)l[0].size,
             digest_hex(&l[0].digest).p, (uintmax_t)l[1].size, digest_hex(&l[1].digest).p, got.n);
    buf_truncate(&got, 0);
    list_tar(buf_str(&tar), &got);
    CHECK_STR(buf_str(&got), buf_str(&want));
    CHECK(count_names(dir.fd, ".") == 2); /* the store, the archive */
}

TEST(docker_without_tags)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL);
    cleanup_image Image m = {0};
    char path[512];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    dest_path(&dir, "out.tar", path);
    CHECK_OK(archive_write_docker(s, &m.manifest, NULL, 0, path, &err));
    CHECK_OK(file_read(AT_FDCWD, path, &tar, &err));
    CHECK(extract(buf_str(&tar), S("manifest.json"), &got));
    CHECK(strstr(buf_z(&got), "[\"docker.io/unset-repo/unset-image-name:latest\"]"));
}

TEST(oci)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL),
                    want = BUF_INIT(BUF_SMALL);
    cleanup_image Image m = {0};
    const Descriptor *l;
    char path[512];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    l = m.manifest.layers;
    dest_path(&dir, "out.tar", path);
    CHECK_OK(archive_write_oci(s, &m.self, S("app:1"), path, &err));
    CHECK_OK(file_read(AT_FDCWD, path, &tar, &err));
    CHECK(extract(buf_str(&tar), S("index.json"), &got));
    buf_addf(&want,
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":["
             "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%ju,"
             "\"annotations\":{\"" ANNOTATION_REF_NAME "\":\"app:1\"}}]}",
             m.self.digest.text, (uintmax_t)m.self.size);
    CHECK_STR(buf_str(&got), buf_str(&want));
    buf_truncate(&want, 0);
    buf_addf(&want,
             "644 30 0 oci-layout\n644 %zu 0 index.json\nd755 0 0 blobs\nd755 0 0 blobs/sha256\n",
             got.n);
    buf_addf(&want, "644 %ju 0 blobs/sha256/%s\n", (uintmax_t)m.self.size,
             digest_hex(&m.self.digest).p);
    buf_addf(&want, "644 %ju 0 blobs/sha256/%s\n", (uintmax_t)m.manifest.config.size,
             digest_hex(&m.manifest.config.digest).p);
    for (size_t i = 0; i < 2; i++)
        buf_addf(&want, "644 %ju 0 blobs/sha256/%s\n", (uintmax_t)l[i].size,
                 digest_hex(&l[i].digest).p);
    buf_truncate(&got, 0);
    list_tar(buf_str(&tar), &got);
    CHECK_STR(buf_str(&got), buf_str(&want));
}

TEST(oci_index)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL);
    cleanup_image Image x = {0}, y = {0};
    Descriptor entries[2], index;
    char path[512];
    Err err;

    make_image(s, "amd64", S("x"), &x);
    make_image(s, "arm64", S("y"), &y);
    entries[0] = on(&x, "amd64");
    entries[1] = on(&y, "arm64");
    index = make_index(s, entries, 2);
    dest_path(&dir, "out.tar", path);
    CHECK_OK(archive_write_oci(s, &index, S(""), path, &err));
    CHECK_OK(file_read(AT_FDCWD, path, &tar, &err));
    list_tar(buf_str(&tar), &got);
    CHECK(strstr(buf_z(&got), digest_hex(&index.digest).p));
    CHECK(strstr(buf_z(&got), digest_hex(&x.self.digest).p));
    CHECK(strstr(buf_z(&got), digest_hex(&y.manifest.config.digest).p));
    buf_truncate(&got, 0);
    CHECK(extract(buf_str(&tar), S("index.json"), &got));
    CHECK(!strstr(buf_z(&got), "annotations"));
}

TEST(equal_bytes)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_buf Buf a = BUF_INIT(BUF_SMALL), b = BUF_INIT(BUF_SMALL);
    cleanup_image Image m = {0};
    char path[512];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    dest_path(&dir, "out.tar", path);
    CHECK_OK(archive_write_docker(s, &m.manifest, NULL, 0, path, &err));
    CHECK_OK(file_read(AT_FDCWD, path, &a, &err));
    CHECK_OK(archive_write_docker(s, &m.manifest, NULL, 0, path, &err)); /* over the old one */
    CHECK_OK(file_read(AT_FDCWD, path, &b, &err));
    CHECK_STR(buf_str(&a), buf_str(&b));
}

TEST(failure_leaves_nothing)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image m = {0};
    char path[512], blob[256];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    put(dir.fd, "out.tar", "old");
    dest_path(&dir, "out.tar", path);
    (void)snprintf(blob, sizeof(blob), "s/blobs/sha256/%s",
                   digest_hex(&m.manifest.layers[1].digest).p);
    CHECK(unlinkat(dir.fd, blob, 0) == 0);
    CHECK_ERR(archive_write_docker(s, &m.manifest, NULL, 0, path, &err), ERR_NOT_FOUND, path);
    CHECK_ERR(archive_write_oci(s, &m.self, S(""), path, &err), ERR_NOT_FOUND, path);
    CHECK_FILE(dir.fd, "out.tar", S("old"));
    CHECK(count_names(dir.fd, ".") == 2);
    dest_path(&dir, "no/such/out.tar", path);
    CHECK_ERR(archive_write_oci(s, &m.self, S(""), path, &err), ERR_SYS, path);
    CHECK_ERR(archive_write_oci(s, &m.self, S(""), dir.path, &err), ERR_USAGE, "directory");
}

TEST(through_links)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_store Store *s = open_store(&dir, "s");
    cleanup_image Image m = {0};
    struct stat st;
    char path[512];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    CHECK(mkdirat(dir.fd, "real", 0755) == 0);
    put(dir.fd, "real/file", "old");
    CHECK(symlinkat("real/file", dir.fd, "link") == 0);
    dest_path(&dir, "link", path);
    CHECK_OK(archive_write_oci(s, &m.self, S(""), path, &err));
    CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(fstatat(dir.fd, "real/file", &st, 0) == 0 && st.st_size > 2048);
}

static void write_to_file_in_closed_directory(void *arg)
{
    const Scratch *dir = arg;
    cleanup_store Store *s = open_layout(dir, "s");
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    const Platform amd64 = {.os = S("linux"), .arch = S("amd64")};
    cleanup_arena Arena a = ARENA_INIT;
    Descriptor d;
    char path[512];
    Err err;

    become_nobody();
    CHECK_OK(layout_resolve(s, S(""), &amd64, &d, &json, &a, &err));
    dest_path(dir, "closed/open.tar", path);
    CHECK_OK(archive_write_oci(s, &d, S(""), path, &err));
    dest_path(dir, "closed/other.tar", path);
    CHECK_ERR(archive_write_oci(s, &d, S(""), path, &err), ERR_SYS, path);
    CHECK(err.os_errno == EACCES);
}

/* The file may be written though the directory may not: a volume with one file in it. */
TEST(closed_directory)
{
    cleanup_scratch Scratch dir = scratch_new();
    struct stat st;
    Err err;

    {
        cleanup_store Store *s = open_store(&dir, "s");
        cleanup_image Image m = {0};

        make_image(s, "amd64", S("text"), &m);
        CHECK_OK(layout_set(s, &m.self, S("x"), &err));
    }
    CHECK(fchmodat(dir.fd, ".", 0755, 0) == 0 && mkdirat(dir.fd, "closed", 0755) == 0);
    put(dir.fd, "closed/open.tar", "old");
    CHECK(fchmodat(dir.fd, "closed/open.tar", 0666, 0) == 0);
    CHECK(fchmodat(dir.fd, "closed", 0555, 0) == 0);
    in_child(write_to_file_in_closed_directory, &dir);
    CHECK(fstatat(dir.fd, "closed/open.tar", &st, 0) == 0 && st.st_size > 2048);
    CHECK(fchmodat(dir.fd, "closed", 0755, 0) == 0);
}

/* In a child, because standard output is the archive there. */
static void write_to_stdout(void *arg)
{
    const Scratch *dir = arg;
    cleanup_store Store *s = open_store(dir, "s");
    cleanup_image Image m = {0};
    int fd = openat(dir->fd, "out.tar", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    Err err;

    make_image(s, "amd64", S("text"), &m);
    CHECK(fd >= 0 && dup2(fd, STDOUT_FILENO) == STDOUT_FILENO);
    CHECK_OK(archive_write_docker(s, &m.manifest, NULL, 0, "-", &err));
    CHECK(fcntl(STDOUT_FILENO, F_GETFD) >= 0); /* still open */
}

TEST(standard_output)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL);
    Err err;

    in_child(write_to_stdout, &dir);
    CHECK_OK(file_read(dir.fd, "out.tar", &tar, &err));
    list_tar(buf_str(&tar), &got);
    CHECK(strstr(buf_z(&got), " manifest.json\n"));
}

static void write_to_fifo(void *arg)
{
    const Scratch *dir = arg;
    cleanup_store Store *s = open_store(dir, "s");
    cleanup_image Image m = {0};
    char path[512];
    Err err;

    make_image(s, "amd64", S("text"), &m);
    dest_path(dir, "fifo", path);
    CHECK_OK(archive_write_docker(s, &m.manifest, NULL, 0, path, &err));
}

TEST(named_pipe)
{
    cleanup_scratch Scratch dir = scratch_new();
    cleanup_buf Buf tar = BUF_INIT(BUF_SMALL), got = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = -1;
    FdReader in;
    pid_t pid;
    int status;
    Err err;

    CHECK(mkfifoat(dir.fd, "fifo", 0600) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        write_to_fifo(&dir);
        _exit(0);
    }
    fd = openat(dir.fd, "fifo", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    in = fd_reader(fd);
    CHECK_OK(reader_read_all(&in.r, &tar, "archive", &err));
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    list_tar(buf_str(&tar), &got);
    CHECK(strstr(buf_z(&got), " manifest.json\n"));
}

TEST_MAIN(T(docker), T(docker_without_tags), T(oci), T(oci_index), T(equal_bytes),
          T(failure_leaves_nothing), T(through_links), T(closed_directory), T(standard_output),
          T(named_pipe))
