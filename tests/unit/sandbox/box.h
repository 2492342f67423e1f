/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/sandbox/box.h - a launcher, a namespaces sandbox and roots with busybox in them, for the tests of sandbox/.
 */
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "os/fd.h"
#include "os/file.h"
#include "sandbox/sandbox.h"
#include "sandbox/userns.h"
#include "test.h"

typedef struct Box {
    Launcher *launcher;
    Sandbox *sandbox;
    char dir[64]; /* the kiln directory */
} Box;

static inline bool box_has_busybox(void)
{
    if (access("/bin/busybox", X_OK) == 0)
        return true;
    printf("skip: /bin/busybox is not there (package busybox-static)\n");
    return false;
}

/* Root of this machine or of a user namespace. False, with a "skip" line, where neither is to be had. */
static inline bool box_open(Box *b)
{
    Err err = {0};

    *b = (Box){0};
    if (!box_has_busybox())
        return false;
    if (userns_enter(&err) < 0) {
        printf("skip: %s\n", err.msg);
        return false;
    }
    CHECK_OK(launcher_start(&b->launcher, &err));
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/kiln-box.XXXXXX");
    CHECK(mkdtemp(b->dir));
    if (sandbox_open(&(SandboxOpts){.kind = "namespaces", .kiln_dir = b->dir}, b->launcher,
                     &b->sandbox, &err) < 0) {
        printf("skip: %s\n", err.msg);
        CHECK(err.kind == ERR_UNSUPPORTED);
        launcher_stop(b->launcher);
        CHECK_OK(dir_remove_all(AT_FDCWD, b->dir, &err));
        return false;
    }
    return true;
}

static inline void box_close(Box *b)
{
    Err err;

    sandbox_free(b->sandbox);
    launcher_stop(b->launcher);
    CHECK_OK(dir_remove_all(AT_FDCWD, b->dir, &err));
}

static inline void box_write(const Root *r, const char *path, mode_t mode, const char *text)
{
    int fd = openat(r->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(fd_write_all(fd, text, strlen(text), &err));
    CHECK(fchmod(fd, mode) == 0);
    close_at(&fd);
}

/* bin/busybox and the applets the tests use; nothing else, no etc, no proc. */
static inline Root *box_root(Box *b)
{
    static const char *const applets[] = {"sh",       "cat",    "ls",    "env",  "id",
                                          "sleep",    "setsid", "touch", "grep", "mount",
                                          "tee",      "rm",     "mkdir", "stat", "kill",
                                          "hostname", "nproc",  "head",  "wc",   "chroot"};
    int in = open("/bin/busybox", O_RDONLY | O_CLOEXEC), out;
    Root *r = NULL;
    Err err;

    CHECK_OK(root_new(b->sandbox, &r, &err));
    CHECK(mkdirat(r->fd, "bin", 0755) == 0);
    out = openat(r->fd, "bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(in >= 0 && out >= 0);
    CHECK_OK(fd_copy_file(in, out, &err));
    CHECK(fchmod(out, 0755) == 0);
    close_at(&in);
    close_at(&out);
    CHECK(fchmodat(r->fd, "bin", 0755, 0) == 0);
    for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "bin/%s", applets[i]);
        CHECK(symlinkat("busybox", r->fd, path) == 0);
    }
    return r;
}

/* The whole of a memfd; owned by caller. */
static inline char *box_output(int fd)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    FdRangeReader in = fd_range_reader(fd, 0, BUF_SMALL);
    Err err;

    CHECK_OK(reader_read_all(&in.r, &text, "output", &err));
    return xstrdup(buf_z(&text));
}

#define BOX_ARGV_MAX 8

/* Run a command, NULL-terminated; its stdout and stderr go to 'fd'. */
static inline int box_exec(Box *b, Root *r, RunSpec spec, int fd, RunResult *ret, Err *err,
                           const char *const *argv)
{
    Str args[BOX_ARGV_MAX], env[] = {S("PATH=/bin:/sbin"), S("GREETING=hello")};
    StrVec argv_vec = {.v = args}, env_vec = {.v = env, .n = ARRAY_LEN(env)};

    for (; argv[argv_vec.n] && argv_vec.n < BOX_ARGV_MAX; argv_vec.n++)
        args[argv_vec.n] = str_from(argv[argv_vec.n]);
    spec.argv = &argv_vec;
    if (!spec.env)
        spec.env = &env_vec;
    if (!spec.cwd)
        spec.cwd = "/";
    return sandbox_run(b->sandbox, r, &spec, fd, fd, ret, err);
}

/* sh -c SCRIPT to a good end; what it printed is owned by the caller. */
static inline char *box_sh_as(Box *b, Root *r, RunSpec spec, const char *script)
{
    int fd = memfd_create("out", MFD_CLOEXEC);
    RunResult got;
    char *text;
    Err err;

    CHECK(fd >= 0);
    CHECK_OK(box_exec(b, r, spec, fd, &got, &err, (const char *[]){"sh", "-c", script, NULL}));
    text = box_output(fd);
    if (got.exit_code != 0)
        fprintf(stderr, "%s: exit code %d, %s\n%s", script, got.exit_code, got.detail, text);
    CHECK(got.exit_code == 0 && got.term_signal == 0 && !got.not_found);
    close_at(&fd);
    return text;
}

static inline char *box_sh(Box *b, Root *r, const char *script)
{
    return box_sh_as(b, r, (RunSpec){0}, script);
}

/* The script prints exactly this. */
#define CHECK_SH(b, r, script, want) CHECK_SH_Z(b, r, script, "" want)
#define CHECK_SH_Z(b, r, script, want)                        \
    do {                                                      \
        cleanup_free char *got_ = box_sh((b), (r), (script)); \
        CHECK_STR(str_from(got_), str_from(want));            \
    } while (0)
