/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inplace sandbox replaces "/", so these tests need one to spare. With KILN_TEST_INPLACE set they take the one they have: the
 * end-to-end script runs this program in real containers. Otherwise, as root, they make a small one on a tmpfs in a mount namespace
 * and chroot into it. Every case ends with a "/" that is, name by name, what it was before.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#include "os/walk.h"
#include "sandbox/box.h"
#include "sandbox/foreign.h"

#define VOLUME "/volume" /* another file system than "/" */

static int busybox = -1; /* the program, opened while "/" still has it */
static int outside = -1; /* the "/" before chroot; -1 in a container */
static char spare[] = "/tmp/kiln-inplace.XXXXXX";
static bool usable;

/* ---- a "/" to spare ---- */

static void put(const char *path, mode_t mode, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    Err err;

    CHECK(fd >= 0 && fchmod(fd, mode) == 0);
    CHECK_OK(fd_write_all(fd, text, strlen(text), &err));
}

static void make_dir(const char *path, mode_t mode)
{
    CHECK((mkdir(path, 0700) == 0 || errno == EEXIST) && chmod(path, mode) == 0);
}

/* Of a container: what a runtime mounts, and some ordinary files with less ordinary names. Relative to the new "/". */
static void fill_spare(void)
{
    static const char *const shared[] = {"proc", "sys", "dev"};
    cleanup_close int out = -1;
    char source[16];
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        make_dir(shared[i], 0755);
        (void)snprintf(source, sizeof(source), "/%s", shared[i]);
        CHECK(mount(source, shared[i], NULL, MS_BIND | MS_REC, NULL) == 0);
    }
    make_dir("bin", 0755);
    out = open("bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(out >= 0);
    CHECK_OK(fd_copy_file(busybox, out, &err));
    CHECK(link("bin/busybox", "bin/sh") == 0 && symlink("busybox", "bin/ls") == 0);
    make_dir("etc", 0750);
    put("etc/passwd", 0644, "root:x:0:0::/:/bin/sh\n");
    put("etc/hosts", 0644, "127.0.0.1 localhost\n");
    CHECK(mount("/etc/hosts", "etc/hosts", NULL, MS_BIND, NULL) == 0);
    make_dir("var", 0755);
    make_dir("var/odd \n name", 0711);
    make_dir("var/odd \n name/mount", 0755);
    CHECK(mount("tmpfs", "var/odd \n name/mount", "tmpfs", 0, NULL) == 0);
    put("var/odd \n name/mount/inside", 0600, "not the image's");
    put("var/odd \n name/beside \t it", 0600, "moves");
    make_dir("tmp", 01777);
    make_dir(VOLUME + 1, 0755);
    CHECK(mount("tmpfs", VOLUME + 1, "tmpfs", 0, NULL) == 0);
    make_dir("kiln", 0755);
    put("kiln/config.json", 0600, "{}");
}

static bool make_spare(void)
{
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        printf("skip: needs root, and a container or a mount namespace\n");
        return false;
    }
    outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(outside >= 0 && mkdtemp(spare) && mount("tmpfs", spare, "tmpfs", 0, "mode=755") == 0);
    CHECK(chdir(spare) == 0);
    fill_spare();
    CHECK(chroot(".") == 0 && chdir("/") == 0);
    return true;
}

TEST(a_root_to_spare)
{
    if (!box_has_busybox())
        return;
    busybox = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
    CHECK(busybox >= 0);
    usable = getenv("KILN_TEST_INPLACE") || make_spare();
}

TEST(it_is_given_back)
{
    if (outside < 0)
        return;
    CHECK(fchdir(outside) == 0 && chroot(".") == 0 && chdir("/") == 0);
    CHECK(umount2(spare, MNT_DETACH) == 0 && rmdir(spare) == 0);
}

/* ---- what is in "/" ---- */

static void describe(Buf *to, int dir, const char *name, Str path)
{
    char target[256];
    struct stat st;
    ssize_t n = 0;

    CHECK(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
    if (S_ISLNK(st.st_mode))
        n = readlinkat(dir, name, target, sizeof(target));
    CHECK(n >= 0);
    buf_addf(to, STR_FMT " %o %u:%u %lld.%09ld", STR_ARG(path), st.st_mode, st.st_uid, st.st_gid,
             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    if (!S_ISDIR(st.st_mode))
        buf_addf(to, " %lld", (long long)st.st_size);
    buf_addf(to, " %.*s\n", (int)n, target);
}

static void describe_below(Buf *to, int dir, Str path, const StrVec *foreign)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_dir_list DirList list = {0};
    Err err;

    CHECK_OK(dir_list(dir, &list, &err));
    dir_list_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        const char *name = list.v[i].name;
        Str below = path.n ? str_fmt_in(&a, STR_FMT "/%s", STR_ARG(path), name) : str_from(name);
        cleanup_close int fd = -1;

        if (foreign_covers(foreign, below))
            continue;
        describe(to, dir, name, below);
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            describe_below(to, fd, below, foreign);
    }
}

/* Every name that is not foreign, with what must not change. Owned by caller. */
static char *picture(void)
{
    Str kiln[] = {S("/kiln")};
    StrVec keep = {.v = kiln, .n = 1};
    cleanup_close int slash = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Buf text = BUF_INIT(BUF_SMALL * 16);
    Foreign f = {0};
    Err err;

    CHECK(slash >= 0);
    CHECK_OK(foreign_collect(&keep, &f, &err));
    describe(&text, slash, ".", S("/"));
    describe_below(&text, slash, S(""), &f.paths);
    CHECK_OK(buf_check(&text, "picture", &err));
    foreign_done(&f);
    return buf_take(&text);
}

#define CHECK_SAME(before)                           \
    do {                                             \
        cleanup_free char *now_ = picture();         \
        CHECK_STR(str_from(now_), str_from(before)); \
    } while (0)

static bool there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- a sandbox in it ---- */

static void spot_open_as(Box *b, SandboxOpts opts)
{
    Err err;

    *b = (Box){0};
    opts.kind = "inplace";
    opts.force = outside >= 0;
    if (!opts.kiln_dir)
        opts.kiln_dir = "/kiln";
    CHECK_OK(launcher_start(&b->launcher, &err));
    CHECK_OK(sandbox_open(&opts, b->launcher, &b->sandbox, &err));
    CHECK(!sandbox_parallel(b->sandbox));
}

static void spot_open(Box *b)
{
    spot_open_as(b, (SandboxOpts){0});
}

static void spot_close(Box *b)
{
    sandbox_free(b->sandbox);
    launcher_stop(b->launcher);
}

static Root *spot_root(Box *b)
{
    static const char *const applets[] = {"sh",    "cat",   "ls", "grep", "sleep", "setsid",
                                          "touch", "mkdir", "id", "rm",   "mv"};
    cleanup_close int out = -1;
    Root *r = NULL;
    Err err;

    CHECK_OK(root_new(b->sandbox, &r, &err));
    CHECK(!there("/bin"));
    make_dir("/bin", 0755);
    out = open("/bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(out >= 0 && lseek(busybox, 0, SEEK_SET) == 0);
    CHECK_OK(fd_copy_file(busybox, out, &err));
    CHECK(fchmod(out, 0755) == 0);
    for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "bin/%s", applets[i]);
        CHECK(symlinkat("busybox", r->fd, path) == 0);
    }
    return r;
}

TEST(what_was_there_comes_back)
{
    cleanup_free char *before = NULL;
    Root *r;
    Err err;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open(&b);
    CHECK(!there("/bin") && !there("/etc/passwd") && there("/proc/self") && there("/kiln"));
    spot_close(&b);
    CHECK_SAME(before);

    spot_open(&b); /* and with a root in its place that has the same names in other kinds */
    CHECK_OK(root_new(b.sandbox, &r, &err));
    put("/bin", 0600, "a file");
    make_dir("/etc", 0700);
    make_dir("/etc/passwd", 0700);
    CHECK(symlink("/nowhere", "/tmp") == 0 || errno == EEXIST);
    CHECK(chmod("/", 0700) == 0);
    spot_close(&b);
    CHECK_SAME(before);
}

TEST(roots_take_turns)
{
    cleanup_free char *before = NULL, *first_picture = NULL;
    cleanup_close int aside = -1;
    Root *first, *second;
    struct stat st, other;
    Err err;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open(&b);
    first = spot_root(&b);
    CHECK(first->may_chown && first->foreign->n >= 4 && foreign_covers(first->foreign, S("kiln")));
    CHECK_SH(
        &b, first,
        "echo one >/one; mkdir -p '/a b/\n c'; echo deep >'/a b/\n c/d'; mkdir -p /etc; echo x >/etc/issue",
        "");
    CHECK(link("/one", "/a b/same") == 0);
    first_picture = picture();

    second = spot_root(&b);
    CHECK(!there("/one") && !there("/a b") && !there("/etc/issue"));
    CHECK_SH(&b, second, "echo two >/two; ls /one 2>/dev/null || echo none", "none\n");
    aside = root_open_readonly(b.sandbox, first, &err);
    CHECK(aside >= 0 && fstatat(aside, "a b/\n c/d", &st, 0) == 0 && st.st_size == 5);
    CHECK(faccessat(aside, "etc/issue", F_OK, 0) == 0 && faccessat(aside, "two", F_OK, 0) < 0);
    CHECK_ERR(box_exec(&b, first, (RunSpec){0}, 2, &(RunResult){0}, &err,
                       (const char *[]){"ls", NULL}),
              ERR_USAGE, "not active");

    CHECK_OK(root_activate(b.sandbox, first, &err));
    CHECK_SAME(first_picture);
    CHECK(stat("/one", &st) == 0 && stat("/a b/same", &other) == 0 && st.st_ino == other.st_ino);
    CHECK_SH(&b, first, "cat /one '/a b/\n c/d'; ls /two 2>/dev/null || echo none",
             "one\ndeep\nnone\n");
    root_free(b.sandbox, second);
    CHECK_OK(root_activate(b.sandbox, first, &err)); /* it is already */
    root_free(b.sandbox, first);
    CHECK(!there("/one") && !there("/bin"));
    spot_close(&b);
    CHECK_SAME(before);
}

TEST(commands_run_in_it)
{
    cleanup_free char *before = NULL;
    RunResult got;
    int pair[2];
    Root *r;
    Err err;
    char byte;
    Box b;

    if (!usable)
        return;
    before = picture();
    CHECK(setenv("TOKEN", "hunter2", 1) == 0);
    spot_open(&b);
    r = spot_root(&b);
    CHECK_SH(&b, r, "pwd; id -u; [ -e /proc/self/fd/3 ] || echo closed", "/\n0\nclosed\n");
    CHECK_SH(&b, r, "[ -s /etc/hosts ] && echo mounted", "mounted\n");
    CHECK_SH(&b, r,
             "for p in /proc/[0-9]*; do cat $p/environ; done 2>/dev/null | grep -c hunter2 || :",
             "0\n");
    CHECK_OK(box_exec(&b, r, (RunSpec){0}, 2, &got, &err, (const char *[]){"no-such-tool", NULL}));
    CHECK(got.not_found && got.exit_code == 127);
    CHECK_OK(box_exec(&b, r, (RunSpec){0}, 2, &got, &err,
                      (const char *[]){"sh", "-c", "kill -9 $$", NULL}));
    CHECK(got.exit_code == 137);

    CHECK(pipe2(pair, O_CLOEXEC) == 0); /* open as long as anybody that the command left lives */
    CHECK_OK(box_exec(
        &b, r, (RunSpec){0}, pair[1], &got, &err,
        (const char *[]){"sh", "-c",
                         "(setsid sh -c 'trap \"\" TERM HUP; sleep 1000' &); sleep 1000 & exit 3",
                         NULL}));
    CHECK(got.exit_code == 3);
    close_at(&pair[1]);
    CHECK(read(pair[0], &byte, 1) == 0);
    close_at(&pair[0]);
    spot_close(&b);
    CHECK_SAME(before);
}

/* ---- accidents ---- */

static void crash(void (*body)(void))
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
}

static void crash_with_roots(void)
{
    Box b;

    spot_open(&b);
    (void)spot_root(&b);
    (void)spot_root(&b);
    put("/left-over", 0644, "");
    die();
}

/* In the middle of the move out: some names are over there, one of them half. */
static void crash_while_moving(void)
{
    make_dir("/kiln/roots", 0700);
    make_dir("/kiln/roots/host.moving", 0700);
    make_dir("/kiln/roots/host.moving/bin", 0700);
    CHECK(rename("/bin/busybox", "/kiln/roots/host.moving/bin/busybox") == 0);
    CHECK(rename("/tmp", "/kiln/roots/host.moving/tmp") == 0 || errno == EXDEV || errno == EBUSY);
    die();
}

TEST(a_crash_is_repaired_by_the_next)
{
    cleanup_free char *before = NULL;
    Box b;

    if (!usable)
        return;
    before = picture();
    crash(crash_with_roots);
    CHECK(there("/left-over") && !there("/etc/passwd"));
    spot_open(&b);
    spot_close(&b);
    CHECK_SAME(before);
}

TEST(a_crash_while_moving_is_repaired)
{
    Box b;

    if (!usable)
        return;
    crash(crash_while_moving);
    CHECK(!there("/bin/busybox"));
    spot_open(&b);
    spot_close(&b);
    CHECK(there("/bin/busybox") && there("/tmp") && !there("/kiln/roots/host.moving"));
}

TEST(one_at_a_time)
{
    cleanup_free char *before = NULL;
    Sandbox *s;
    Err err;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open(&b);
    CHECK_ERR(sandbox_open(&(SandboxOpts){.kind = "inplace", .kiln_dir = "/kiln", .force = true},
                           b.launcher, &s, &err),
              ERR_USAGE, "another kiln");
    CHECK(!there("/etc/passwd")); /* it did not put back what is not its own */
    spot_close(&b);
    CHECK_SAME(before);
}

TEST(the_last_root_may_stay)
{
    cleanup_free char *before = NULL;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open_as(&b, (SandboxOpts){.keep_final_root = true});
    (void)spot_root(&b);
    (void)spot_root(&b);
    put("/final", 0644, "");
    spot_close(&b);
    CHECK(there("/final") && there("/bin/busybox") && !there("/etc/passwd"));
    spot_open(&b);
    CHECK(!there("/final"));
    spot_close(&b);
    CHECK_SAME(before);
}

/* The kiln directory on a file system of its own: roots are kept in "/" itself, so that they can be renamed. */
TEST(kiln_directory_on_a_volume)
{
    cleanup_free char *before = NULL;
    Root *first;
    struct stat st;
    ino_t ino;
    Err err;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open_as(&b, (SandboxOpts){.kiln_dir = VOLUME "/kiln"});
    first = spot_root(&b);
    put("/one", 0644, "1");
    CHECK(stat("/one", &st) == 0);
    ino = st.st_ino;
    (void)spot_root(&b);
    CHECK(!there("/one"));
    CHECK_OK(root_activate(b.sandbox, first, &err));
    CHECK(stat("/one", &st) == 0 && st.st_ino == ino); /* not a copy */
    spot_close(&b);
    CHECK(!there("/.kiln-roots"));
    CHECK_OK(dir_remove_all(AT_FDCWD, VOLUME "/kiln", &err));
    CHECK_SAME(before);
}

/* What the builder asks to keep stays where it is, also behind a link. */
TEST(kept_paths_stay)
{
    Str v[] = {S("/work/context"), S("/work/link")};
    StrVec keep = {.v = v, .n = 2};
    Box b;
    Err err;
    Root *r;

    if (!usable)
        return;
    make_dir("/work", 0755);
    make_dir("/work/context", 0755);
    make_dir("/work/real", 0755);
    put("/work/context/Dockerfile", 0644, "FROM scratch\n");
    put("/work/real/digest", 0644, "");
    put("/work/other", 0644, "");
    CHECK(symlink("real", "/work/link") == 0);
    spot_open_as(&b, (SandboxOpts){.keep = &keep});
    CHECK_OK(root_new(b.sandbox, &r, &err));
    CHECK(there("/work/context/Dockerfile") && there("/work/link/digest") && !there("/work/other"));
    CHECK(foreign_covers(r->foreign, S("work/real")));
    spot_close(&b);
    CHECK(there("/work/other") && there("/work/context/Dockerfile") && there("/work/real/digest"));
    CHECK_OK(dir_remove_all(AT_FDCWD, "/work", &err));
}

static bool holds(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The context goes aside with the container's files and is read from there; kiln's working directory is the same afterwards. */
TEST(the_context_is_found_again)
{
    cleanup_free char *cwd = NULL;
    cleanup_close int fd = -1;
    Box b;
    Err err;
    Root *r;

    if (!usable)
        return;
    make_dir("/work", 0755);
    make_dir("/work/context", 0755);
    put("/work/context/Dockerfile", 0644, "FROM scratch\n");
    CHECK(chdir("/work/context") == 0);
    spot_open_as(&b, (SandboxOpts){.context = "/work/context"});
    CHECK_OK(root_new(b.sandbox, &r, &err));
    CHECK(!there("/work"));
    fd = sandbox_open_outside(b.sandbox, "/work/context", &err);
    CHECK_OK(fd);
    CHECK(holds(fd, "Dockerfile"));
    spot_close(&b);
    cwd = getcwd(NULL, 0);
    CHECK_STR(str_from(cwd), S("/work/context"));
    CHECK(chdir("/") == 0);
    CHECK_OK(dir_remove_all(AT_FDCWD, "/work", &err));
}

/* One with mounts in it stays where it is: it would be split in two. */
TEST(a_context_with_mounts_stays)
{
    cleanup_close int fd = -1;
    Box b;
    Err err;
    Root *r;

    if (!usable || outside < 0) /* a container may not mount */
        return;
    make_dir("/work", 0755);
    make_dir("/work/cache", 0755);
    put("/work/Dockerfile", 0644, "FROM scratch\n");
    CHECK(mount("tmpfs", "/work/cache", "tmpfs", 0, NULL) == 0);
    put("/work/cache/object", 0644, "");
    spot_open_as(&b, (SandboxOpts){.context = "/work"});
    CHECK_OK(root_new(b.sandbox, &r, &err));
    CHECK(there("/work/Dockerfile") && foreign_covers(r->foreign, S("work/Dockerfile")));
    fd = sandbox_open_outside(b.sandbox, "/work", &err);
    CHECK_OK(fd);
    CHECK(holds(fd, "Dockerfile") && holds(fd, "cache/object"));
    spot_close(&b);
    CHECK(umount2("/work/cache", 0) == 0);
    CHECK_OK(dir_remove_all(AT_FDCWD, "/work", &err));
}

TEST(it_is_refused_where_nothing_says_container)
{
    Launcher *l;
    Sandbox *s;
    Err err;

    if (!usable)
        return;
    CHECK((outside >= 0) || container_sign()); /* real ones are recognised */
    if (container_sign())
        return;
    CHECK_OK(launcher_start(&l, &err));
    CHECK_ERR(sandbox_open(&(SandboxOpts){.kind = "inplace", .kiln_dir = "/kiln"}, l, &s, &err),
              ERR_UNSUPPORTED, "--force");
    CHECK(there("/etc/passwd"));
    launcher_stop(l);
}

static void ordinary_user(void)
{
    Launcher *l;
    Sandbox *s;
    Err err;

    CHECK(setresuid(1000, 1000, 1000) == 0);
    CHECK_OK(launcher_start(&l, &err));
    CHECK_ERR(
        sandbox_open(&(SandboxOpts){.kind = "inplace", .kiln_dir = "/tmp/kiln", .force = true}, l,
                     &s, &err),
        ERR_UNSUPPORTED, "root user");
    launcher_stop(l);
    die();
}

TEST(it_is_refused_to_ordinary_users)
{
    if (usable)
        crash(ordinary_user);
}

/* Renamed to its place and back; what was there is as it was. */
TEST(mounts_are_swapped)
{
    cleanup_free char *before = NULL, *dir = NULL, *text = NULL;
    cleanup_close int fd = -1;
    struct stat was, is;
    Root *r, *other;
    Err err;
    Box b;

    if (!usable)
        return;
    before = picture();
    spot_open(&b);
    other = spot_root(&b);
    box_write(other, "g", 0644, "of another root\n");
    r = spot_root(&b); /* which puts the other one aside */
    box_write(r, "s", 0644, "of the image\n");
    CHECK(fstatat(r->fd, "s", &was, 0) == 0);
    CHECK_OK(sandbox_new_dir(b.sandbox, &dir, &err));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(file_write_atomic(fd, "f", 0644, S("kept\n"), &err));
    SandboxMount m[] = {
        {.target = "/cache/x", .dir = dir, .source = "", .is_dir = true},
        {.target = "/again", .dir = dir, .source = "", .is_dir = true},
        {.target = "/one", .from = other, .source = "g", .read_only = true},
        {.target = "/bin2", .from = other, .source = "bin", .is_dir = true, .read_only = true},
        {.kind = SANDBOX_TMPFS, .target = "/cache/x/t"},
        {.kind = SANDBOX_FILE, .target = "/s", .data = S("hush\n"), .mode = 0400},
        {.kind = SANDBOX_FILE, .target = "/p", .data = S("#!/bin/sh\necho ran\n"), .mode = 0755},
    };
    text = box_sh_as(&b, r, (RunSpec){.mounts = m, .n_mounts = ARRAY_LEN(m)},
                     "cat /cache/x/f /again/f /one /s; /p; touch /cache/x/new /cache/x/t/y;"
                     "echo spoiled >>/one; ls /bin2/busybox");
    CHECK_STR(str_from(text), S("kept\nkept\nof another root\nhush\nran\n/bin2/busybox\n"));
    CHECK(m[2].spoiled && !m[3].spoiled && !m[0].spoiled);
    CHECK_SH(&b, r, "ls -d /cache /again /one /bin2 /p 2>/dev/null; cat /s", "of the image\n");
    CHECK(fstatat(r->fd, "s", &is, 0) == 0 && is.st_ino == was.st_ino);
    CHECK(faccessat(fd, "new", F_OK, 0) == 0 && faccessat(fd, "t", F_OK, 0) < 0);
    close_at(&fd);
    spot_close(&b);
    CHECK_SAME(before);
}

TEST_MAIN(T(a_root_to_spare), T(what_was_there_comes_back), T(roots_take_turns),
          T(commands_run_in_it), T(mounts_are_swapped), T(a_crash_is_repaired_by_the_next),
          T(a_crash_while_moving_is_repaired), T(one_at_a_time), T(the_last_root_may_stay),
          T(kiln_directory_on_a_volume), T(kept_paths_stay), T(the_context_is_found_again),
          T(a_context_with_mounts_stays), T(it_is_refused_where_nothing_says_container),
          T(it_is_refused_to_ordinary_users), T(it_is_given_back))
