/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of cache mounts there and back, and what a repository may say that nobody should believe: a neighbour of the directory
 * must stay as it is, and neither disk nor memory may fill.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cache/chunker.h"
#include "cache/mounts.h"
#include "codec/zstd.h"
#include "oci/manifest.h"
#include "os/file.h"
#include "os/temp.h"
#include "store/layout.h"
#include "tar/writer.h"
#include "test.h"

#define MEDIA_MOUNT "application/vnd.kiln.cache-mount.v1"
#define MEDIA_CHUNK "application/vnd.kiln.cache-mount.chunk.v1+zstd"
#define NOTE        "dev.kiln.cache-mount."

enum {
    LIMIT = 8 << 20, /* bytes */
    CHUNKS_MAX = 16,
    READ_AHEAD = 10 << 20, /* more than is read while no chunk can be sent */
};

typedef struct Fixture {
    Arena arena;
    Temp *dir;
    int outside, fd; /* the directory that has a neighbour; the mount's */
    CacheSpec spec;
    Store *scratch;
    Pool *pool, *io;
    MountPlace place;
    MountMark mark; /* of the last import */
    /* a manifest in the making */
    Descriptor chunks[CHUNKS_MAX];
    size_t n;
    const char *type, *version, *scale;
} Fixture;

static const char *path_of(Fixture *f, const char *name)
{
    return str_fmt_in(&f->arena, "%s/%s", temp_path(f->dir), name).p;
}

static void begin(Fixture *f)
{
    CacheBase base;
    Platform host = platform_host();
    Err err;

    *f = (Fixture){
        .pool = pool_new(2), .io = pool_new(2), .type = MEDIA_MOUNT, .version = "2", .scale = "0"};
    CHECK_OK(temp_dir("/tmp", "kiln-mounts", &f->dir, &err));
    f->outside = open(temp_path(f->dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(f->outside, "mount", 0755) == 0 && mkdirat(f->outside, "neighbour", 0755) == 0);
    CHECK_OK(file_write_atomic(f->outside, "neighbour/file", 0644, S("untouched"), &err));
    f->fd = openat(f->outside, "mount", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(store_open(path_of(f, "scratch"), &f->scratch, &err));
    f->spec = (CacheSpec){.kind = CACHE_LAYOUT, .path = path_of(f, "cache")};
    base = (CacheBase){.store = f->scratch};
    f->place = (MountPlace){.key = mount_cache_key(S("m"), &host),
                            .id = S("m"),
                            .dir_fd = f->fd,
                            .limit_bytes = LIMIT,
                            .may_chown = geteuid() == 0,
                            .scratch = f->scratch,
                            .pool = f->pool,
                            .io = f->io};
    CHECK_OK(cache_repo_open(&f->spec, &base, true, &f->place.repo, &err));
}

static void end(Fixture *f)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    struct stat st;
    Err err;

    CHECK_OK(file_read(f->outside, "neighbour/file", &text, &err));
    CHECK_STR(buf_str(&text), S("untouched"));
    CHECK(fstatat(f->outside, "neighbour/file", &st, 0) == 0 && st.st_nlink == 1 &&
          (st.st_mode & 07777) == 0644);
    cache_repo_free(f->place.repo);
    store_free(f->scratch);
    pool_free(f->pool);
    pool_free(f->io);
    close(f->fd);
    close(f->outside);
    temp_free(f->dir);
    arena_done(&f->arena);
}
#define FIXTURE(f)                           \
    __attribute__((cleanup(end))) Fixture f; \
    begin(&f)

/* The mount is empty again. */
static void empty(Fixture *f)
{
    Err err;

    CHECK_OK(dir_empty(f->fd, &err));
}

static int import(Fixture *f, Err *err)
{
    return mount_cache_import(&f->place, &f->mark, err);
}

/* --- what a repository might have --- */

static Descriptor put_packed(Fixture *f, Str packed, const char *raw)
{
    Annotation *note = arena_new(&f->arena, Annotation);
    Descriptor d = {.media_type = S(MEDIA_CHUNK),
                    .digest = digest_of(packed),
                    .size = packed.n,
                    .annotations = note,
                    .n_annotations = 1};
    Err err;

    *note = (Annotation){S(NOTE "chunk"), str_dup_in(&f->arena, str_from(raw))};
    CHECK_OK(cache_repo_put_blob(f->place.repo, &d, packed, f->scratch, &err));
    return d;
}

static Descriptor put_chunk(Fixture *f, Str bytes)
{
    cleanup_buf Buf packed = BUF_INIT((size_t)64 << 20);
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    BufWriter to = buf_writer(&packed);
    Digest raw = digest_of(bytes);
    Err err;

    CHECK_OK(zstd_writer_new(0, 1, &to.w, &z, &err));
    CHECK_OK(writer_write(zstd_writer(z), bytes.p, bytes.n, &err));
    CHECK_OK(zstd_writer_finish(z, &err));
    return put_packed(f, buf_str(&packed), raw.text);
}

static void add(Fixture *f, Descriptor d)
{
    CHECK(f->n < CHUNKS_MAX);
    f->chunks[f->n++] = d;
}

static void put_text(Fixture *f, Str manifest)
{
    Descriptor config = {.media_type = S("application/vnd.oci.empty.v1+json"),
                         .digest = digest_of(S("{}")),
                         .size = 2};
    CacheWrite w = {.keys = &f->place.key,
                    .n_keys = 1,
                    .config = &config,
                    .config_json = S("{}"),
                    .manifest = manifest};
    Err err;

    CHECK_OK(cache_repo_put(f->place.repo, &w, &err));
}

static void put_manifest(Fixture *f)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Annotation notes[] = {{S(NOTE "version"), str_from(f->version)},
                          {S(NOTE "scale"), str_from(f->scale)}};
    Manifest doc = {.media_type = S(MEDIA_OCI_MANIFEST),
                    .artifact_type = str_from(f->type),
                    .config = {.media_type = S("application/vnd.oci.empty.v1+json"),
                               .digest = digest_of(S("{}")),
                               .size = 2},
                    .layers = f->chunks,
                    .n_layers = f->n,
                    .annotations = notes,
                    .n_annotations = 2};

    manifest_format(&doc, &text);
    put_text(f, buf_str(&text));
    f->n = 0;
}

/* --- an archive, entry by entry --- */

typedef struct Archive {
    Buf tar;
    BufWriter out;
    TarWriter *w;
} Archive;

static void archive_begin(Archive *a)
{
    a->tar = (Buf)BUF_INIT((size_t)64 << 20);
    a->out = buf_writer(&a->tar);
    a->w = tar_writer_new(&a->out.w);
}

static void entry(Archive *a, TarType type, const char *name, const char *link_or_text)
{
    TarEntry e = {.type = type,
                  .name = str_from(name),
                  .mode = type == TAR_DIR ? 0755 : 0644,
                  .uid = geteuid(),
                  .gid = getegid()};
    Str text = str_from(link_or_text);
    Err err;

    if (type == TAR_FILE)
        e.size = text.n;
    else
        e.link = text;
    CHECK_OK(tar_writer_entry(a->w, &e, &err));
    if (type == TAR_FILE)
        CHECK_OK(tar_writer_data(a->w, text.p, text.n, &err));
}

static void archive_put(Archive *a, Fixture *f)
{
    Err err;

    CHECK_OK(tar_writer_finish(a->w, &err));
    add(f, put_chunk(f, buf_str(&a->tar)));
    put_manifest(f);
    tar_writer_free(a->w);
    buf_done(&a->tar);
}

static bool is_there(const Fixture *f, const char *path)
{
    struct stat st;

    return fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void check_text(const Fixture *f, const char *path, const char *want)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Err err;

    CHECK_OK(file_read(f->fd, path, &text, &err));
    CHECK_STR(buf_str(&text), str_from(want));
}

/* --- */

static void fill(const Fixture *f)
{
    Err err;

    CHECK(mkdirat(f->fd, "d", 0700) == 0);
    CHECK_OK(file_write_atomic(f->fd, "d/f", 0640, S("text"), &err));
    CHECK_OK(file_write_atomic(f->fd, ".wh.x", 0600, S("w"), &err));
    CHECK(linkat(f->fd, "d/f", f->fd, "hard", 0) == 0);
    CHECK(symlinkat("../neighbour", f->fd, "soft") == 0);
}

TEST(there_and_back)
{
    FIXTURE(f);
    MountReport report;
    struct stat one, two;
    Err err;

    CHECK(import(&f, &err) == 0);
    fill(&f);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    CHECK(report.chunks == 1 && report.fresh == 1);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    CHECK(report.chunks == 1 && report.fresh == 0 && report.sent_bytes == 0);
    empty(&f);
    CHECK(import(&f, &err) == 1);
    check_text(&f, "d/f", "text");
    check_text(&f, ".wh.x", "w");
    CHECK(fstatat(f.fd, "d/f", &one, 0) == 0 && fstatat(f.fd, "hard", &two, 0) == 0 &&
          one.st_ino == two.st_ino);
    CHECK((one.st_mode & 07777) == 0640 && is_there(&f, "soft"));
}

/* What nobody has changed since it came is not sent; what somebody has, of whatever size and time, is. */
TEST(unchanged)
{
    FIXTURE(f);
    MountReport report;
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    Err err;

    fill(&f);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    empty(&f);
    CHECK(import(&f, &err) == 1);
    CHECK_OK(mount_cache_export(&f.place, true, &f.mark, &report, &err));
    CHECK(report.chunks == 1 && report.fresh == 0 && report.bytes == f.mark.report.bytes);
    CHECK(cache_repo_find(f.place.repo, &f.place.key, &text, &err) == 1);
    /* the same size, and the time that it had */
    CHECK_OK(file_write_atomic(f.fd, "other", 0640, S("t"), &err));
    CHECK(unlinkat(f.fd, "other", 0) == 0);
    CHECK_OK(mount_cache_export(&f.place, true, &f.mark, &report, &err));
    CHECK(report.fresh == 0);
    {
        const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
        int fd = openat(f.fd, "d/f", O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0 && write(fd, "TEXT", 4) == 4 && futimens(fd, old) == 0 && close(fd) == 0);
    }
    CHECK_OK(mount_cache_export(&f.place, true, &f.mark, &report, &err));
    CHECK(report.fresh == 1);
    /* the repository has another list than the one that was brought back */
    empty(&f);
    CHECK(import(&f, &err) == 1);
    check_text(&f, "d/f", "TEXT");
    put_text(&f, buf_str(&text));
    CHECK_OK(mount_cache_export(&f.place, true, &f.mark, &report, &err));
    CHECK(report.fresh == 1);
    empty(&f);
    CHECK(import(&f, &err) == 1);
    check_text(&f, "d/f", "TEXT");
}

/* --- somebody else who has the directory, too --- */

/* Bytes that no chunk has twice. */
static void put_noise(Fixture *f, const char *name, size_t n)
{
    cleanup_buf Buf bytes = BUF_INIT(n + 8);
    Err err;

    for (uint64_t i = 0, x = 1; i < n / 8; i++, x = x * 6364136223846793005u + 1)
        buf_append(&bytes, &x, sizeof(x));
    CHECK_OK(file_write_atomic(f->fd, name, 0600, buf_str(&bytes), &err));
}

/* Writes to the file 'z' in place, as many bytes as it has, once the file 'a' before it is read. */
typedef struct Writing {
    Fixture *f;
    int watch, z;
    atomic_bool over; /* no more */
} Writing;

static void write_z(const Writing *w, const char *text)
{
    CHECK(pwrite(w->z, text, 4, 0) == 4);
}

static void writing_begin(Writing *w, Fixture *f)
{
    Err err;

    f->place.limit_bytes = (uint64_t)4 * READ_AHEAD;
    put_noise(f, "a", READ_AHEAD);
    CHECK_OK(file_write_atomic(f->fd, "z", 0600, S("1111"), &err));
    *w = (Writing){.f = f, .watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    CHECK(inotify_add_watch(w->watch, path_of(f, "mount/a"), IN_OPEN | IN_CLOSE) >= 0);
    w->z = openat(f->fd, "z", O_WRONLY | O_CLOEXEC);
    CHECK(w->z >= 0);
}

static void writing_end(Writing *w)
{
    close(w->watch);
    close(w->z);
}

/* How often 'a' was opened, and closed: one of the two alone is not told twice. */
static unsigned opened(const Writing *w)
{
    struct inotify_event e;
    unsigned n = 0;

    while (read(w->watch, &e, sizeof(e)) == (ssize_t)sizeof(e))
        n += (e.mask & IN_OPEN) != 0;
    return n;
}

/* The thread that chunks are sent by is kept by this: 'z' cannot be read before it has returned. */
static int write_once(void *arg, Err *err)
{
    const Writing *w = arg;
    struct pollfd p = {.fd = w->watch, .events = POLLIN};

    (void)err;
    CHECK(poll(&p, 1, 60000) == 1);
    write_z(w, "2222");
    return 0;
}

TEST(changed_once_while_it_is_read)
{
    FIXTURE(f);
    cleanup_with(pool_free_at) Pool *one = pool_new(1);
    MountReport report;
    Writing w;
    Task *writer;
    Err err;

    writing_begin(&w, &f);
    f.place.io = one;
    writer = pool_submit(one, write_once, &w);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    CHECK_OK(task_join(writer, &err));
    CHECK(opened(&w) == 2);
    CHECK(report.bytes > READ_AHEAD && report.bytes < READ_AHEAD + (64 << 10)); /* not twice */
    empty(&f);
    CHECK(import(&f, &err) == 1);
    check_text(&f, "z", "2222");
    f.place.io = f.io;
    writing_end(&w);
}

static void *write_on(void *arg)
{
    Writing *w = arg;

    for (unsigned i = 0; !atomic_load(&w->over); i++)
        write_z(w, i % 2 ? "1111" : "2222");
    return NULL;
}

/* What was kept before stays. */
TEST(changed_all_the_time)
{
    FIXTURE(f);
    MountReport report;
    pthread_t writer;
    Writing w;
    Err err;
    int n = 0;

    writing_begin(&w, &f);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    CHECK(unlinkat(f.fd, "a", 0) == 0);
    put_noise(&f, "b", READ_AHEAD);
    CHECK(pthread_create(&writer, NULL, write_on, &w) == 0);
    /* on a machine so busy that nobody writes meanwhile it may succeed */
    while (mount_cache_export(&f.place, true, NULL, &report, &err) == 0)
        CHECK(++n < 100);
    atomic_store(&w.over, true);
    CHECK(pthread_join(writer, NULL) == 0);
    CHECK(err.kind == ERR_SYS && strstr(err.msg, "changed while it was read"));
    empty(&f);
    CHECK(import(&f, &err) == 1);
    CHECK(is_there(&f, "a") == (n == 0) && is_there(&f, "b") == (n > 0));
    writing_end(&w);
}

TEST(too_large)
{
    FIXTURE(f);
    MountReport report;
    cleanup_buf Buf bytes = BUF_INIT((size_t)LIMIT + 1);
    Err err;

    for (uint64_t i = 0, x = 1; i < LIMIT / 8; i++, x = x * 6364136223846793005u + 1)
        buf_append(&bytes, &x, sizeof(x));
    CHECK_OK(file_write_atomic(f.fd, "large", 0600, buf_str(&bytes), &err));
    f.place.limit_bytes = LIMIT / 2;
    CHECK_ERR(mount_cache_export(&f.place, true, NULL, &report, &err), ERR_LIMIT, "larger than");
    f.place.limit_bytes = (uint64_t)2 * LIMIT;
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    empty(&f);
    f.place.limit_bytes = LIMIT / 2;
    CHECK_ERR(import(&f, &err), ERR_LIMIT, "larger than");
}

static void check_scale(Fixture *f, off_t size, const char *want)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    int fd = openat(f->fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    MountReport report;
    Err err;

    CHECK(fd >= 0 && ftruncate(fd, size) == 0 && close(fd) == 0);
    CHECK_OK(mount_cache_export(&f->place, true, NULL, &report, &err));
    CHECK(cache_repo_find(f->place.repo, &f->place.key, &text, &err) == 1);
    CHECK(str_contains(buf_str(&text), str_fmt_in(&f->arena, "\"" NOTE "scale\":\"%s\"", want)));
}

/* Chunks grow with the directory; one that stays near a border is not cut anew at each turn. */
TEST(scales)
{
    FIXTURE(f);
    const off_t mib = 1 << 20;
    Err err;

    f.place.limit_bytes = (uint64_t)4 << 30;
    check_scale(&f, 1200 * mib, "0");
    check_scale(&f, 1300 * mib, "1");
    check_scale(&f, 1200 * mib, "1");
    check_scale(&f, 2600 * mib, "2");
    check_scale(&f, 2500 * mib, "2");
    check_scale(&f, 1200 * mib, "0");
    check_scale(&f, 2600 * mib, "2");
    empty(&f);
    CHECK(import(&f, &err) == 1);
    {
        struct stat st;

        CHECK(fstatat(f.fd, "sparse", &st, 0) == 0 && st.st_size == 2600 * mib);
    }
}

/* Each may fail or leave things out; end() looks at the neighbour. */
TEST(paths)
{
    static const struct {
        TarType type;
        const char *name, *link;
    } first[] = {
        {TAR_DIR, "d", ""},
        {TAR_FILE, "../neighbour/file", "changed"},
        {TAR_FILE, "d/../../neighbour/file", "changed"},
        {TAR_FILE, "/tmp/../neighbour/file", "changed"},
        {TAR_SYMLINK, "out", "../neighbour"},
        {TAR_SYMLINK, "d/out", "../../neighbour"},
        {TAR_HARDLINK, "stolen", "../neighbour/file"},
        {TAR_HARDLINK, "stolen", "out/file"},
    };

    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        FIXTURE(f);
        Archive a;
        Err err;

        archive_begin(&a);
        entry(&a, first[i].type, first[i].name, first[i].link);
        entry(&a, TAR_FILE, "out/file", "changed");
        entry(&a, TAR_FILE, "d/out/file", "changed");
        entry(&a, TAR_HARDLINK, "second", "out/file");
        entry(&a, TAR_FILE, "second", "changed");
        archive_put(&a, &f);
        (void)!import(&f, &err);
        CHECK(faccessat(f.outside, "neighbour/new", F_OK, 0) < 0);
    }
}

TEST(absolute_names_stay_below)
{
    FIXTURE(f);
    Archive a;
    Err err;

    archive_begin(&a);
    entry(&a, TAR_FILE, "/absolute", "text");
    archive_put(&a, &f);
    CHECK(import(&f, &err) == 1);
    check_text(&f, "absolute", "text");
}

/* A list of one chunk, usually with something wrong. */
static int import_chunk(Fixture *f, Descriptor d, Err *err)
{
    add(f, d);
    put_manifest(f);
    empty(f);
    return import(f, err);
}

TEST(what_is_no_list_of_ours)
{
    FIXTURE(f);
    Descriptor chunk = put_chunk(&f, S("text"));
    Err err;

    f.type = "application/x";
    CHECK(import_chunk(&f, chunk, &err) == 0);
    f.type = MEDIA_MOUNT;
    f.version = "1";
    CHECK(import_chunk(&f, chunk, &err) == 0);
    f.version = "2";
    f.scale = "5";
    CHECK(import_chunk(&f, chunk, &err) == 0);
    f.scale = "";
    CHECK(import_chunk(&f, chunk, &err) == 0);
    f.scale = "0";
    CHECK(import_chunk(&f, chunk, &err) < 0); /* ours, and no archive */
    put_text(&f, S("{\"schemaVersion\":2"));
    CHECK(import(&f, &err) < 1);
}

TEST(chunks)
{
    FIXTURE(f);
    Descriptor good = put_chunk(&f, S("text")), other = put_chunk(&f, S("another")), d = good;
    char *zeros = arena_new_n(&f.arena, char, chunk_max(0) + 1);
    Err err;

    d.size = 5;
    CHECK(import_chunk(&f, d, &err) < 0);
    d.size = UINT64_C(1) << 40;
    CHECK_ERR(import_chunk(&f, d, &err), ERR_FORMAT, "list of chunks");
    d = good;
    d.media_type = S("application/x");
    CHECK_ERR(import_chunk(&f, d, &err), ERR_FORMAT, "list of chunks");
    d = good;
    d.n_annotations = 0;
    CHECK(import_chunk(&f, d, &err) < 0);
    d = good;
    d.annotations = other.annotations;
    CHECK_ERR(import_chunk(&f, d, &err), ERR_DIGEST, "not what it says");
    d = good;
    d.digest = digest_of(S("nobody has this"));
    CHECK(import_chunk(&f, d, &err) < 0);
    CHECK(import_chunk(&f, put_packed(&f, S("no zstd"), good.digest.text), &err) < 0);
    /* it unpacks to more than a chunk has */
    memset(zeros, 0, chunk_max(0) + 1);
    CHECK_ERR(import_chunk(&f, put_chunk(&f, (Str){zeros, chunk_max(0) + 1}), &err), ERR_LIMIT, "");
    /* an archive that ends early */
    CHECK(import_chunk(&f, put_chunk(&f, (Str){zeros, 512}), &err) >= 0 || err.kind == ERR_FORMAT);
    CHECK(import_chunk(&f, good, &err) < 0);
}

/* One small chunk, named so often that the directory would be larger than its limit. */
TEST(repeated_chunk)
{
    FIXTURE(f);
    TarEntry e = {.type = TAR_FILE, .name = S("large"), .mode = 0644, .size = chunk_max(0) * 16};
    char *zeros = arena_new_n(&f.arena, char, chunk_max(0));
    Archive a;
    Descriptor same;
    struct stat st;
    Err err;

    archive_begin(&a);
    CHECK_OK(tar_writer_entry(a.w, &e, &err));
    add(&f, put_chunk(&f, buf_str(&a.tar)));
    tar_writer_free(a.w);
    buf_done(&a.tar);
    memset(zeros, 0, chunk_max(0));
    same = put_chunk(&f, (Str){zeros, chunk_max(0)});
    CHECK(same.size < 1000);
    for (int i = 0; i < 12; i++)
        add(&f, same);
    put_manifest(&f);
    CHECK_ERR(import(&f, &err), ERR_LIMIT, "larger than");
    CHECK(fstatat(f.fd, "large", &st, 0) < 0 || st.st_blocks * 512 <= LIMIT);
}

/* Prefixes of a list, and single bytes of it turned: never a crash, never half believed. */
TEST(damage)
{
    FIXTURE(f);
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    MountReport report;
    Err err;

    fill(&f);
    CHECK_OK(mount_cache_export(&f.place, true, NULL, &report, &err));
    CHECK(cache_repo_find(f.place.repo, &f.place.key, &text, &err) == 1);
    for (size_t i = 0; i < text.n; i += 7) {
        char was = text.p[i];

        text.p[i] = (char)(was ^ 1);
        put_text(&f, buf_str(&text));
        text.p[i] = was;
        empty(&f);
        if (import(&f, &err) == 1)
            check_text(&f, "d/f", "text");
        if (i % 21)
            continue;
        put_text(&f, str_head(buf_str(&text), i));
        empty(&f);
        CHECK(import(&f, &err) < 1);
    }
}

TEST_MAIN(T(there_and_back), T(unchanged), T(changed_once_while_it_is_read),
          T(changed_all_the_time), T(too_large), T(scales), T(paths), T(absolute_names_stay_below),
          T(what_is_no_list_of_ours), T(chunks), T(repeated_chunk), T(damage))
