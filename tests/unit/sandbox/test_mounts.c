/* SPDX-License-Identifier: Apache-2.0 */
/* What a RUN sees mounted, what it does not see, and that none of it stays in the root. */
#include "os/walk.h"
#include "sandbox/box.h"

/* Names and kinds in a directory of the root, "d:bin f:file l:link", sorted. */
static char *listing(const Root *r, const char *path)
{
    cleanup_dir_list DirList list = {0};
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    cleanup_close int fd = openat(r->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(dir_list(fd, &list, &err));
    dir_list_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        CHECK(fstatat(fd, list.v[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        buf_addf(&text, "%s%c:%s", i ? " " : "",
                 S_ISDIR(st.st_mode)   ? 'd'
                 : S_ISLNK(st.st_mode) ? 'l'
                                       : 'f',
                 list.v[i].name);
    }
    return xstrdup(buf_z(&text));
}

static struct timespec mtime(const Root *r, const char *path)
{
    struct stat st;

    CHECK(fstatat(r->fd, path, &st, 0) == 0);
    return st.st_mtim;
}

#define CHECK_LISTING(r, path, want)                    \
    do {                                                \
        cleanup_free char *got_ = listing((r), (path)); \
        CHECK_STR(str_from(got_), S(want));             \
    } while (0)

static const struct timespec OLD[2] = {{.tv_sec = 1000000000},
                                       {.tv_sec = 1000000000, .tv_nsec = 5}};

static void make_old(const Root *r, const char *path)
{
    CHECK(utimensat(r->fd, path, OLD, 0) == 0);
}

static bool is_old(const Root *r, const char *path)
{
    struct timespec t = mtime(r, path);

    return t.tv_sec == OLD[1].tv_sec && t.tv_nsec == OLD[1].tv_nsec;
}

TEST(mount_points_leave_no_trace)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    make_old(r, ".");
    CHECK_SH(&b, r, "ls -d /proc/self /sys/class /dev/null; ls /etc",
             "/dev/null\n/proc/self\n/sys/class\nhosts\nresolv.conf\n");
    CHECK_LISTING(r, ".", "d:bin");
    CHECK(is_old(r, "."));
    CHECK_SH(&b, r, "touch /new", "");
    CHECK_LISTING(r, ".", "d:bin f:new");
    CHECK(!is_old(r, ".")); /* the command's own change does count */
    box_close(&b);
}

TEST(directories_of_the_image_stay)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(mkdirat(r->fd, "proc", 0755) == 0 && mkdirat(r->fd, "dev", 0755) == 0 &&
          mkdirat(r->fd, "etc", 0755) == 0);
    box_write(r, "dev/own", 0644, "x");
    box_write(r, "etc/hosts", 0644, "");
    make_old(r, "etc");
    make_old(r, "etc/hosts");
    CHECK_SH(&b, r, "[ ! -e /dev/own ] && [ -s /etc/hosts ] && touch /dev/gone", "");
    CHECK_LISTING(r, ".", "d:bin d:dev d:etc d:proc");
    CHECK_LISTING(r, "dev", "f:own");
    CHECK_LISTING(r, "etc", "f:hosts");
    CHECK(is_old(r, "etc") && is_old(r, "etc/hosts"));
    box_close(&b);
}

/* What the command puts into a directory that was only made for a mount becomes the image's. */
TEST(used_mount_points_stay)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK_SH(&b, r, "touch /etc/passwd", "");
    CHECK_LISTING(r, ".", "d:bin d:etc");
    CHECK_LISTING(r, "etc", "f:passwd");
    box_close(&b);
}

TEST(resolv_conf_through_links)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    if (access("/etc/resolv.conf", R_OK) < 0) {
        printf("skip: no /etc/resolv.conf here\n");
        box_close(&b);
        return;
    }
    r = box_root(&b);
    CHECK(mkdirat(r->fd, "etc", 0755) == 0);
    CHECK(symlinkat("../run/made/stub.conf", r->fd, "etc/resolv.conf") == 0);
    CHECK_SH(&b, r, "ls /run/made; [ -s /etc/resolv.conf ] || cat /proc/mounts", "stub.conf\n");
    CHECK_LISTING(r, ".", "d:bin d:etc");
    CHECK_LISTING(r, "etc", "l:resolv.conf");

    CHECK(unlinkat(r->fd, "etc/resolv.conf", 0) ==
          0); /* a loop, then a directory: nothing is bound */
    CHECK(symlinkat("resolv.conf", r->fd, "etc/resolv.conf") == 0);
    CHECK_SH(&b, r, "ls -l /etc/resolv.conf | grep -c ' -> resolv.conf'", "1\n");
    CHECK(unlinkat(r->fd, "etc/resolv.conf", 0) == 0);
    CHECK(mkdirat(r->fd, "etc/resolv.conf", 0755) == 0);
    CHECK_SH(&b, r, "ls /etc/resolv.conf", "");
    CHECK_LISTING(r, "etc", "d:resolv.conf");
    box_close(&b);
}

/* Links that would lead out of the root lead to its top. */
TEST(hostile_links_do_not_leave_the_root)
{
    char outside[] = "/tmp/kiln-outside.XXXXXX", link[80];
    RunResult got;
    Root *r;
    Box b;
    Err err;

    if (!box_open(&b))
        return;
    CHECK(mkdtemp(outside));
    r = box_root(&b);
    (void)snprintf(link, sizeof(link), "../../../../../../..%s", outside);
    CHECK(symlinkat(link, r->fd, "etc") == 0);
    CHECK(symlinkat("/../../device/s", r->fd, "dev") == 0);
    CHECK(symlinkat("/../else/where", r->fd, "proc") == 0);
    CHECK_SH(&b, r,
             "[ -s /etc/hosts ] && [ -e /else/where/self ] && [ -c /dev/null ] && echo bound",
             "bound\n");
    CHECK_LISTING(r, ".", "d:bin l:dev l:etc l:proc");
    CHECK(unlinkat(r->fd, "proc", 0) == 0 && symlinkat("proc", r->fd, "proc") == 0);
    CHECK_ERR(box_exec(&b, r, (RunSpec){0}, 2, &got, &err, (const char *[]){"ls", NULL}), ERR_SYS,
              "proc: Too many levels");
    CHECK_LISTING(r, ".", "d:bin l:dev l:etc l:proc");
    CHECK(rmdir(outside) == 0); /* still empty */
    CHECK_OK(dir_remove_all(AT_FDCWD, outside, &err));
    box_close(&b);
}

TEST(builder_files_are_out_of_sight)
{
    char script[200];
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK_SH(&b, r, "ls /", "bin\ndev\netc\nproc\nsys\n");
    (void)snprintf(script, sizeof(script), "ls %s 2>/dev/null || echo nothing", b.dir);
    CHECK_SH_Z(&b, r, script, "nothing\n");
    /* pid 1 is kiln's: neither its directories nor its descriptors are a way out */
    CHECK_SH(&b, r, "ls /proc/1/root/ /proc/1/cwd/ 2>/dev/null || echo nothing", "nothing\n");
    CHECK_SH(&b, r, "ls -l /proc/1/fd 2>/dev/null | grep -c -e '->' || :", "0\n");
    CHECK_SH(
        &b, r,
        "while read id parent device root point rest; do\n"
        "case $point in /|/proc*|/sys*|/dev*|/etc/hosts|/etc/resolv.conf) ;; *) echo $point ;; esac\n"
        "done </proc/self/mountinfo",
        "");
    box_close(&b);
}

TEST(kernel_files_are_protected)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK_SH(&b, r, "(echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo no", "no\n");
    CHECK_SH(&b, r, "(echo h >/proc/sysrq-trigger) 2>/dev/null || echo no", "no\n");
    CHECK_SH(&b, r, "touch /sys/x 2>/dev/null || echo no", "no\n");
    CHECK_SH(
        &b, r,
        "for f in /sys/fs/cgroup /sys/fs/cgroup/*/; do [ ! -d $f ] || ! mkdir $f/kiln-test 2>/dev/null || echo $f; done",
        "");
    CHECK_SH(&b, r,
             "for f in /proc/kcore /proc/keys /proc/timer_list; do [ ! -e $f ] || cat $f; done",
             "");
    CHECK_SH(&b, r, "[ ! -e /sys/firmware ] || ls /sys/firmware", "");
    CHECK_SH(&b, r, "mount -t tmpfs none /bin 2>/dev/null || echo no", "no\n");
    box_close(&b);
}

TEST(devices)
{
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK_SH(
        &b, r,
        "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo $d is missing; done",
        "");
    CHECK_SH(&b, r,
             "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c",
             "3\n5\n");
    CHECK_SH(&b, r, "(echo err >/dev/stderr; echo out >/dev/stdout) 2>&1 | cat", "err\nout\n");
    CHECK_SH(
        &b, r,
        "ls -d /dev/fd/1 /dev/shm /dev/pts; touch /dev/shm/x; [ ! -e /dev/kmsg ] && [ ! -e /dev/vda ] && echo ok",
        "/dev/fd/1\n/dev/pts\n/dev/shm\nok\n");
    box_close(&b);
}

TEST(host_name_and_hosts)
{
    cleanup_free char *text = NULL;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    text = box_sh_as(&b, r, (RunSpec){.hostname = "kilnbox"},
                     "hostname; grep -c kilnbox /etc/hosts; echo x >>/etc/hosts || echo read-only");
    /* a container's seccomp profile may forbid to set it */
    CHECK(strstr(text, "kilnbox\n1\n") == text || container_sign());
    CHECK(strstr(text, "\n1\n") && strstr(text, "read-only\n"));
    box_close(&b);
}

/* A directory of the builder with "f" in it; owned by caller. */
static char *new_dir(Box *b)
{
    cleanup_close int fd = -1;
    char *dir = NULL;
    Err err;

    CHECK_OK(sandbox_new_dir(b->sandbox, &dir, &err));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(file_write_atomic(fd, "f", 0644, S("of the builder\n"), &err));
    return dir;
}

TEST(asked_mounts)
{
    cleanup_free char *dir = NULL, *text = NULL;
    struct stat st;
    Root *r, *other;
    Box b;

    if (!box_open(&b))
        return;
    other = box_root(&b);
    box_write(other, "g", 0644, "of another root\n");
    r = box_root(&b);
    box_write(r, "s", 0644, "of the image\n");
    make_old(r, ".");
    make_old(r, "s");
    dir = new_dir(&b);
    SandboxMount m[] = {
        {.target = "/ro", .dir = dir, .source = "", .is_dir = true, .read_only = true},
        {.target = "/rw", .dir = dir, .source = "", .is_dir = true, .discard = true},
        {.target = "/one", .from = other, .source = "g", .read_only = true},
        {.target = "/one.rw", .from = other, .source = "g", .discard = true},
        {.kind = SANDBOX_TMPFS, .target = "/a/b", .size_bytes = 4096},
        {.kind = SANDBOX_FILE, .target = "/s", .data = S("hush\n"), .mode = 0400},
        {.kind = SANDBOX_FILE,
         .target = "/dev/x",
         .data = S("#!/bin/sh\necho ran\n"),
         .mode = 0755},
    };
    text = box_sh_as(&b, r, (RunSpec){.mounts = m, .n_mounts = ARRAY_LEN(m)},
                     "cat /ro/f /one /s; echo more >>/rw/f; echo >/rw/g; rm /rw/g; cat /rw/f;"
                     "echo x >>/one.rw; cat /one.rw; ls /a; stat -c %a /s; /dev/x;"
                     "touch /ro/x || touch /s || echo kept");
    CHECK(
        str_starts(str_from(text), S("of the builder\nof another root\nhush\nof the builder\nmore\n"
                                     "of another root\nx\nb\n400\nran\n")));
    CHECK(str_ends(str_from(text), S("kept\n")));
    CHECK_LISTING(r, ".", "d:bin f:s");
    CHECK(is_old(r, ".") && is_old(r, "s"));
    CHECK(fstatat(other->fd, "g", &st, 0) == 0 && st.st_size == 16);
    box_close(&b);
}

TEST(mounts_in_mounts)
{
    cleanup_free char *dir = NULL, *text = NULL;
    Root *r;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    dir = new_dir(&b);
    SandboxMount m[] = {
        {.kind = SANDBOX_TMPFS, .target = "/t"},
        {.target = "/t/d/e", .dir = dir, .source = "", .is_dir = true, .read_only = true},
        {.kind = SANDBOX_FILE, .target = "/t/d/s", .data = S("hush\n"), .mode = 0444},
    };
    text =
        box_sh_as(&b, r, (RunSpec){.mounts = m, .n_mounts = ARRAY_LEN(m)}, "cat /t/d/e/f /t/d/s");
    CHECK_STR(str_from(text), S("of the builder\nhush\n"));
    CHECK_LISTING(r, ".", "d:bin");
    box_close(&b);
}

TEST(mounts_that_cannot_be)
{
    int fd = memfd_create("out", MFD_CLOEXEC);
    cleanup_free char *dir = NULL;
    RunResult got;
    Root *r;
    Err err;
    Box b;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    dir = new_dir(&b);
    CHECK(symlinkat("/etc/passwd", open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "link") == 0);
    SandboxMount m[] = {
        {.target = "/x", .dir = dir, .source = "missing"},
        {.target = "/x", .dir = dir, .source = "link"}, /* seen from the directory it is in */
        {.target = "/bin", .dir = dir, .source = "f"},
        {.target = "/", .dir = dir, .source = "", .is_dir = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(m); i++) {
        RunSpec spec = {.mounts = &m[i], .n_mounts = 1};

        CHECK(box_exec(&b, r, spec, fd, &got, &err, (const char *[]){"sh", NULL}) == -1);
        CHECK_LISTING(r, ".", "d:bin");
    }
    close_at(&fd);
    box_close(&b);
}

TEST_MAIN(T(asked_mounts), T(mounts_in_mounts), T(mounts_that_cannot_be),
          T(mount_points_leave_no_trace), T(directories_of_the_image_stay),
          T(used_mount_points_stay), T(resolv_conf_through_links),
          T(hostile_links_do_not_leave_the_root), T(builder_files_are_out_of_sight),
          T(kernel_files_are_protected), T(devices), T(host_name_and_hosts))
