/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other programs write, we read; what we write, they read. A directory with something of everything is packed
 * by GNU tar, bsdtar, busybox and Python in every format they have, and each entry is compared with the file it came
 * from; an archive of ours is listed and unpacked by each of them. A program that is not there is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tar/reader.h"
#include "tar/writer.h"
#include "test.h"

static char dir[] = "/tmp/kiln-test-tar-XXXXXX";

/* Run a script in 'dir'; what it prints goes to 'out' (may be NULL). Returns its exit status. */
static int shell(const char *script, Buf *out)
{
    cleanup_buf Buf command = BUF_INIT(BUF_SMALL);
    char text[4096];
    size_t n;
    FILE *f;

    buf_addf(&command, "exec 2>&1; set -e; export LC_ALL=C TZ=UTC0; umask 022; cd %s\n%s", dir,
             script);
    f = popen(buf_z(&command), "r");
    CHECK(f != NULL);
    while ((n = fread(text, 1, sizeof(text), f)) > 0) {
        if (out)
            buf_append(out, text, n);
    }
    return pclose(f);
}

static void must(const char *script)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    int status = shell(script, &out);

    if (status != 0)
        fprintf(stderr, "failed: %s\n%s", script, buf_z(&out));
    CHECK(status == 0);
}

static bool have(const char *program)
{
    cleanup_buf Buf script = BUF_INIT(BUF_SMALL);

    buf_addf(&script, "command -v %s", program);
    if (shell(buf_z(&script), NULL) == 0)
        return true;
    printf("skip %s: not installed\n", program);
    return false;
}

static char *read_path(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    char *p;

    CHECK(f && fstat(fileno(f), &st) == 0);
    *ret_n = (size_t)st.st_size;
    p = NEW_N(char, *ret_n + 1);
    CHECK(fread(p, 1, *ret_n, f) == *ret_n);
    (void)fclose(f);
    return p;
}

/* --- they write, we read ------------------------------------------------------------------- */

/* Names that v7 can hold, then what needs ustar, then what needs more than that. */
static const char PLAIN[] =
    "mkdir -p v7/src/dir/sub && cd v7/src\n"
    "echo hello > dir/file; : > dir/empty; chmod 4751 dir/file\n"
    "ln dir/file dir/sub/hard; ln -s ../file dir/sub/soft; ln -s / dir/root\n"
    "head -c 70000 /dev/urandom > dir/sub/big; chmod 1777 dir/sub\n"
    "touch -d '1999-12-31 23:59:59' dir/file dir/empty\n"
    "touch -hd '2001-02-03 04:05:06' dir/sub/soft\n"
    "find . -exec touch -hd @1234567890 {} +\n";
static const char USTAR[] = "mkdir ustar; cp -a v7/src ustar/; cd ustar/src; mkfifo dir/fifo\n"
                            "d=$(printf 'd%.0s' $(seq 90)); mkdir -p $d; echo x > $d/f$d\n"
                            "mkdir -p $d/sub/sub; echo y > $d/sub/sub/y\n"
                            "find . -exec touch -hd @1234567890 {} +\n";
static const char LONG[] = "mkdir long; cp -a ustar/src long/; cd long/src\n"
                           "d=$(printf 'e%.0s' $(seq 200)); mkdir -p $d/$d; echo z > $d/$d/$d\n"
                           "ln $d/$d/$d $d/hard; ln -s $d/$d/$d soft\n"
                           "find . -exec touch -hd @1234567890 {} +\n";
static const char FINE[] =
    "mkdir fine; cp -a long/src fine/; cd fine/src\n"
    "touch -d @1234567890.123456789 dir/empty; touch -d @-1000.5 dir/sub/big\n"
    "touch -hd @1.000000001 soft\n";
static const char HOLES[] =
    "mkdir -p holes/src; cd holes/src\n"
    "truncate -s 3000000 all\n"
    "truncate -s 1000000 end; printf data | dd of=end conv=notrunc status=none\n"
    "printf last | dd of=begin bs=1 seek=1048572 status=none\n"
    "for i in 0 1 2 3 4 5 6 7 8 9; do\n"
    "head -c 5000 /dev/urandom | dd of=many bs=1M seek=$i conv=notrunc status=none\n"
    "done\n"
    "for i in $(seq 40); do\n"
    "head -c 9999 /dev/urandom | dd of=more bs=64k seek=$i conv=notrunc status=none\n"
    "done; truncate -s 9000001 more; echo no hole > none\n"
    "find . -exec touch -hd @1234567890 {} +\n";

static void check_content(TarReader *t, const char *path)
{
    cleanup_buf Buf got = BUF_INIT((size_t)64 << 20);
    cleanup_free char *want = NULL;
    size_t n;
    Err err;

    want = read_path(path, &n);
    CHECK_OK(reader_read_all(tar_reader_data(t), &got, path, &err));
    CHECK(got.n == n && memcmp(buf_z(&got), want, n) == 0);
}

static void check_link(const TarEntry *e, const char *path, const char *root)
{
    if (e->type == TAR_SYMLINK) {
        char target[4096];
        ssize_t n = readlink(path, target, sizeof(target));

        CHECK_STR(e->link, ((Str){target, (size_t)n}));
    } else {
        cleanup_buf Buf other = BUF_INIT(BUF_SMALL);
        struct stat a, b;

        buf_addf(&other, "%s/" STR_FMT, root, STR_ARG(e->link));
        CHECK(lstat(path, &a) == 0 && lstat(buf_z(&other), &b) == 0 && a.st_ino == b.st_ino);
    }
}

static TarType type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR: return TAR_DIR;
    case S_IFLNK: return TAR_SYMLINK;
    case S_IFIFO: return TAR_FIFO;
    default: return TAR_FILE;
    }
}

static void check_xattrs(const TarEntry *e, const char *path)
{
    char value[100];
    ssize_t n = lgetxattr(path, "user.kiln", value, sizeof(value));

    if (n < 0)
        CHECK(xattrs_find(e->xattrs, S("user.kiln")).p == NULL);
    else
        CHECK_STR(xattrs_find(e->xattrs, S("user.kiln")), ((Str){value, (size_t)n}));
}

static void check_against_disk(TarReader *t, const TarEntry *e, const char *root, bool fine)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);
    struct stat st;
    int64_t seconds, ns;

    buf_addf(&path, "%s/" STR_FMT, root, STR_ARG(e->name));
    if (lstat(buf_z(&path), &st) < 0)
        fprintf(stderr, "%s: not there\n", buf_z(&path));
    CHECK(lstat(buf_z(&path), &st) == 0);
    CHECK(e->type == type_of(st.st_mode) || (e->type == TAR_HARDLINK && st.st_nlink > 1));
    CHECK(e->mode == (st.st_mode & 07777));
    CHECK(e->uid == st.st_uid && e->gid == st.st_gid);
    seconds = st.st_mtim.tv_sec;
    ns = fine ? st.st_mtim.tv_nsec : 0;
    if (e->mtime_ns != seconds * 1000000000 + ns)
        fprintf(stderr, "%s: %lld, not %lld.%09lld\n", buf_z(&path), (long long)e->mtime_ns,
                (long long)seconds, (long long)ns);
    CHECK(e->mtime_ns == seconds * 1000000000 + ns);
    if (e->type == TAR_SYMLINK || e->type == TAR_HARDLINK)
        check_link(e, buf_z(&path), root);
    if (e->type == TAR_FILE) {
        CHECK(e->size == (uint64_t)st.st_size);
        check_content(t, buf_z(&path));
    }
    if (e->type != TAR_HARDLINK)
        check_xattrs(e, buf_z(&path));
}

/* Pack dir/TREE/src with a command that writes to "$OUT"; every file of the tree must be in it, and right. */
static void check_packed(const char *tree, const char *command, bool fine)
{
    cleanup_buf Buf script = BUF_INIT(BUF_SMALL), root = BUF_INIT(BUF_SMALL),
                    out = BUF_INIT(BUF_SMALL);
    cleanup_with(tar_reader_free_at) TarReader *t = NULL;
    cleanup_free char *bytes = NULL;
    size_t n, entries = 0;
    MemReader m;
    TarEntry e;
    Err err;
    int r;

    buf_addf(&root, "%s/%s", dir, tree);
    buf_addf(&script, "cd %s; OUT=../out.tar; rm -f $OUT; %s", tree, command);
    must(buf_z(&script));
    buf_addf(&out, "%s/out.tar", dir);
    bytes = read_path(buf_z(&out), &n);
    m = mem_reader((Str){bytes, n});
    t = tar_reader_new(&m.r);
    while ((r = tar_reader_next(t, &e, &err)) > 0) {
        check_against_disk(t, &e, buf_z(&root), fine);
        entries++;
    }
    CHECK_OK(r);
    buf_truncate(&out, 0);
    buf_truncate(&script, 0);
    buf_addf(&script, "find %s/src | wc -l", tree);
    CHECK(shell(buf_z(&script), &out) == 0);
    if (strtoul(buf_z(&out), NULL, 10) != entries)
        fprintf(stderr, "%s: %zu entries of %s", command, entries, buf_z(&out));
    CHECK(strtoul(buf_z(&out), NULL, 10) == entries);
}

TEST(gnu_tar_writes_we_read)
{
    if (!have("tar"))
        return;
    check_packed("v7", "tar --format=v7 -cf $OUT src", false);
    check_packed("ustar", "tar --format=ustar -cf $OUT src", false);
    check_packed("long", "tar --format=gnu -cf $OUT src", false);
    check_packed("long", "tar --format=oldgnu -b1 -cf $OUT src", false);
    check_packed("fine", "tar --format=pax -cf $OUT src", true);
    check_packed("fine",
                 "tar --format=pax --pax-option=comment=x,delete=atime,delete=ctime -cf $OUT src",
                 true);
    check_packed("long", "tar --format=gnu -V label -cf $OUT src", false);
    check_packed("long", "tar --format=gnu --incremental -cf $OUT src", false);
}

TEST(gnu_tar_writes_holes_we_read)
{
    if (!have("tar"))
        return;
    check_packed("holes", "tar --format=gnu --sparse -cf $OUT src", false);
    check_packed("holes", "tar --format=pax --sparse --sparse-version=0.0 -cf $OUT src", true);
    check_packed("holes", "tar --format=pax --sparse --sparse-version=0.1 -cf $OUT src", true);
    check_packed("holes", "tar --format=pax --sparse --sparse-version=1.0 -cf $OUT src", true);
    check_packed("holes", "tar --format=pax --sparse --hole-detection=raw -cf $OUT src", true);
    check_packed("holes", "tar --format=gnu --sparse --hole-detection=raw -cf $OUT src", false);
}

TEST(gnu_tar_writes_xattrs_we_read)
{
    cleanup_buf Buf path = BUF_INIT(BUF_SMALL);

    buf_addf(&path, "%s/fine/src/dir/empty", dir);
    if (!have("tar"))
        return;
    if (lsetxattr(buf_z(&path), "user.kiln", "a\0b\n=c", 6, 0) < 0) {
        printf("skip xattrs: the file system of /tmp has none (%s)\n", strerror(errno));
        return;
    }
    check_packed("fine", "tar --format=pax --xattrs --xattrs-include='user.*' -cf $OUT src", true);
    CHECK(lremovexattr(buf_z(&path), "user.kiln") == 0);
}

TEST(bsdtar_writes_we_read)
{
    if (!have("bsdtar"))
        return;
    check_packed("v7", "bsdtar --format=v7 -cf $OUT src", false);
    check_packed("ustar", "bsdtar --format=ustar -cf $OUT src", false);
    check_packed("long", "bsdtar --format=gnutar -cf $OUT src", false);
    /* bsdtar 3.6 writes half a second before -1000 as "-1001.5", which is another time: none of those */
    check_packed("fine", "touch -d @-1000 src/dir/sub/big; bsdtar --format=pax -cf $OUT src", true);
    check_packed("holes", "bsdtar --format=pax --read-sparse -cf $OUT src", true);
}

TEST(busybox_writes_we_read)
{
    if (!have("busybox"))
        return;
    check_packed("long", "busybox tar -cf $OUT src", false);
}

TEST(python_writes_we_read)
{
    static const char *const formats[][2] = {{"ustar", "USTAR"}, {"long", "GNU"}, {"long", "PAX"}};

    if (!have("python3"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        cleanup_buf Buf command = BUF_INIT(BUF_SMALL);

        buf_addf(&command,
                 "python3 -c 'import tarfile; t = tarfile.open(\"../out.tar\", \"w\", "
                 "format=tarfile.%s_FORMAT); t.add(\"src\"); t.close()'",
                 formats[i][1]);
        check_packed(formats[i][0], buf_z(&command), true);
    }
}

/* --- we write, they read ------------------------------------------------------------------- */

static const char LONG_NAME[] =
    "a/name-of-more-than-a-hundred-characters-without-a-slash-that-ustar-could-split-it-at-so-that-a-pax-"
    "header-must-say-it";

enum {
    SPARSE_DATA = 5 + 7 + 700 + 4096
};

/* One of everything, with owners of their own, into ours.tar. */
static void write_archive(void)
{
    static const TarRun runs[] = {{0, 5}, {100, 7}, {40000, 700}, {262144, 4096}};
    static char data[SPARSE_DATA];
    cleanup_buf Buf bytes = BUF_INIT((size_t)16 << 20), path = BUF_INIT(BUF_SMALL);
    BufWriter out = buf_writer(&bytes);
    cleanup_with(tar_writer_free_at) TarWriter *t = tar_writer_new(&out.w);
    TarEntry e = {.link = {"", 0}, .mode = 0755, .uid = 1000, .gid = 100, .mtime_ns = 1000000000};
    FILE *f;
    Err err;

    e.type = TAR_DIR;
    e.name = S("a");
    CHECK_OK(tar_writer_entry(t, &e, &err));
    e.type = TAR_FILE;
    e.name = str_from(LONG_NAME);
    e.mode = 0640;
    e.size = 6;
    e.mtime_ns = 1234567890123456789;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    CHECK_OK(tar_writer_data(t, "hello\n", 6, &err));
    e.type = TAR_HARDLINK;
    e.link = e.name;
    e.name = S("a/hard");
    CHECK_OK(tar_writer_entry(t, &e, &err));
    e.type = TAR_SYMLINK;
    e.link = S("../far\xc3\xa9");
    e.name = S("a/soft");
    e.uid = 3000000000;
    e.gid = 2097152;
    e.mode = 0777;
    e.mtime_ns = 0;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    e.type = TAR_FIFO;
    e.name = S("a/fifo");
    e.mtime_ns = -2000000000;
    e.mode = 0600;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    e.type = TAR_FILE;
    e.name = S("a/old");
    e.mtime_ns = -1500000000;
    e.mode = 07777;
    e.size = 0;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    e.name = S("a/sparse");
    e.mode = 0600;
    e.size = 300000;
    e.mtime_ns = 5;
    memset(data, 's', sizeof(data));
    CHECK_OK(tar_writer_sparse(t, &e, runs, ARRAY_LEN(runs), &err));
    CHECK_OK(tar_writer_data(t, data, sizeof(data), &err));
    e.name = S("a/hole");
    e.size = 12345678;
    CHECK_OK(tar_writer_sparse(t, &e, NULL, 0, &err));
    e.name = S("a/last");
    e.size = 1;
    CHECK_OK(tar_writer_entry(t, &e, &err));
    CHECK_OK(tar_writer_data(t, "x", 1, &err));
    CHECK_OK(tar_writer_finish(t, &err));

    buf_addf(&path, "%s/ours.tar", dir);
    f = fopen(buf_z(&path), "wb");
    CHECK(f && fwrite(bytes.p, 1, bytes.n, f) == bytes.n && fclose(f) == 0);
}

static void check_output(const char *script, const char *want)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);

    (void)shell(script, &out);
    CHECK_STR(buf_str(&out), str_from(want));
}

/* The unpacked tree: modes and times as any user can set them, and every byte. */
static void check_unpacked(const char *command, bool fine)
{
    cleanup_buf Buf script = BUF_INIT(BUF_SMALL), want = BUF_INIT(BUF_SMALL);

    buf_addf(
        &script,
        "rm -rf unpacked; mkdir unpacked; %s\ncd unpacked; stat -c '%s' a/name* a/fifo a/sparse\n",
        command, fine ? "%n %A %s %.9Y" : "%n %A %s");
    buf_add_z(&script, "stat -c '%n %A %s' a/soft a/hole a/last; readlink a/soft; cat a/name*\n"
                       "test a/hard -ef a/name*; cksum a/sparse a/hole a/last");
    buf_addf(&want, "%s -rw-r----- 6%s\n", LONG_NAME, fine ? " 1234567890.123456789" : "");
    buf_addf(&want, "a/fifo prw------- 0%s\n", fine ? " -2.000000000" : "");
    buf_addf(&want, "a/sparse -rw------- 300000%s\n", fine ? " 0.000000005" : "");
    buf_add_z(
        &want,
        "a/soft lrwxrwxrwx 8\na/hole -rw------- 12345678\na/last -rw------- 1\n../far\xc3\xa9\nhello\n");
    /* worked out from the runs: zeros, and "s" where there is data */
    buf_add_z(&want, "1228746467 300000 a/sparse\n3087850681 12345678 a/hole\n12738659 1 a/last\n");
    check_output(buf_z(&script), buf_z(&want));
}

/* A listing with the long name cut short and columns of one width. */
static void check_listing(const char *command, const char *want)
{
    cleanup_buf Buf script = BUF_INIT(BUF_SMALL);

    buf_addf(&script, "%s | tr -s ' ' | sed 's/name-of[a-z-]*/LONG/g; s/ $//'", command);
    check_output(buf_z(&script), want);
}

TEST(gnu_tar_reads_ours)
{
    if (!have("tar"))
        return;
    check_listing("tar --numeric-owner --full-time --quoting-style=literal -tvf ours.tar",
                  "drwxr-xr-x 1000/100 0 1970-01-01 00:00:01 a/\n"
                  "-rw-r----- 1000/100 6 2009-02-13 23:31:30.123456789 a/LONG\n"
                  "hrw-r----- 1000/100 0 2009-02-13 23:31:30.123456789 a/hard link to a/LONG\n"
                  "lrwxrwxrwx 3000000000/2097152 0 1970-01-01 00:00:00 a/soft -> ../far\xc3\xa9\n"
                  "prw------- 3000000000/2097152 0 1969-12-31 23:59:58 a/fifo\n"
                  "-rwsrwsrwt 3000000000/2097152 0 1969-12-31 23:59:59.5 a/old\n"
                  "-rw------- 3000000000/2097152 300000 1970-01-01 00:00:00.000000005 a/sparse\n"
                  "-rw------- 3000000000/2097152 12345678 1970-01-01 00:00:00.000000005 a/hole\n"
                  "-rw------- 3000000000/2097152 1 1970-01-01 00:00:00.000000005 a/last\n");
    check_unpacked("tar -C unpacked --no-same-owner --warning=no-timestamp -pxf ours.tar", true);
}

TEST(bsdtar_reads_ours)
{
    if (!have("bsdtar"))
        return;
    check_unpacked("bsdtar -C unpacked --no-same-owner -pxf ours.tar", true);
}

TEST(python_reads_ours)
{
    if (!have("python3"))
        return;
    check_listing(
        "python3 -c 'import tarfile\nfor m in tarfile.open(\"ours.tar\"):\n"
        " print(m.type, m.name, oct(m.mode), m.uid, m.gid, m.size, m.mtime, ascii(m.linkname))'",
        "b'5' a 0o755 1000 100 0 1 ''\n"
        "b'0' a/LONG 0o640 1000 100 6 1234567890.1234567 ''\n"
        "b'1' a/hard 0o640 1000 100 0 1234567890.1234567 'a/LONG'\n"
        "b'2' a/soft 0o777 3000000000 2097152 0 0 '../far\\xe9'\n"
        "b'6' a/fifo 0o600 3000000000 2097152 0 -2.0 ''\n"
        "b'0' a/old 0o7777 3000000000 2097152 0 -1.5 ''\n"
        "b'0' a/sparse 0o600 3000000000 2097152 300000 5e-09 ''\n"
        "b'0' a/hole 0o600 3000000000 2097152 12345678 5e-09 ''\n"
        "b'0' a/last 0o600 3000000000 2097152 1 5e-09 ''\n");
    check_unpacked(
        "python3 - <<'E'\nimport os, tarfile\nwith tarfile.open('ours.tar') as t:\n"
        " for m in t:\n  m.uid, m.gid = os.getuid(), os.getgid()\n  t.extract(m, 'unpacked')\nE",
        false);
}

TEST(prepared)
{
    CHECK(mkdtemp(dir));
    must(PLAIN);
    must(USTAR);
    must(LONG);
    must(FINE);
    must(HOLES);
    write_archive();
}

TEST(cleaned_up)
{
    must("rm -rf ./*");
    CHECK(rmdir(dir) == 0);
}

TEST_MAIN(T(prepared), T(gnu_tar_writes_we_read), T(gnu_tar_writes_holes_we_read),
          T(gnu_tar_writes_xattrs_we_read), T(bsdtar_writes_we_read), T(busybox_writes_we_read),
          T(python_writes_we_read), T(gnu_tar_reads_ours), T(bsdtar_reads_ours),
          T(python_reads_ours), T(cleaned_up))
