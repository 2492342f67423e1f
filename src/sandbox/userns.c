/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has entered a user namespace cannot leave it, and one whose identity map cannot be written is nobody for
 * ever. So a child tries the whole thing first, down to a mount (some distributions let the namespace be made but give no
 * rights in it), and only then the process itself goes.
 *
 * More than one id may be mapped only by someone who has rights outside: newuidmap and newgidmap (setuid root) write the maps
 * after checking /etc/subuid and /etc/subgid. They must be run by a process that is still outside, hence the helper: forked
 * before, told to begin by a byte in a pipe.
 */
#include "sandbox/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "os/file.h"
#include "sandbox/proc.h"

static bool entered; /* set once, before any thread */

bool userns_entered(void)
{
    return entered;
}

/* ---- maps ---- */

static int write_text(const char *path, const char *text, Err *err)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = (ssize_t)strlen(text);

    if (fd < 0 || write(fd, text, (size_t)n) != n)
        return err_sys(err, "write %s", path);
    return 0;
}

/* Our own id becomes 0. The kernel allows the group's map only once setgroups() is given up. */
static int map_single(const char *which, uint32_t id, Err *err)
{
    char path[32], line[32];

    (void)snprintf(path, sizeof(path), "/proc/self/%s", which);
    (void)snprintf(line, sizeof(line), "0 %u 1\n", id);
    return write_text(path, line, err);
}

static int map_self(bool uid_done, uint32_t uid, uint32_t gid, Err *err)
{
    if (!uid_done)
        TRY(map_single("uid_map", uid, err));
    TRY(write_text("/proc/self/setgroups", "deny", err));
    return map_single("gid_map", gid, err);
}

static bool map_covers(const char *path, uint32_t ids)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    uint64_t next = 0;
    IdMapLine line;
    Err err;

    if (file_read(AT_FDCWD, path, &text, &err) < 0)
        return false;
    for (Str rest = buf_str(&text); id_map_next(&rest, &line) && line.inside <= next;)
        if (line.inside + line.count > next)
            next = line.inside + line.count;
    return next >= ids;
}

bool userns_maps_all(void)
{
    return map_covers("/proc/self/uid_map", 65536) && map_covers("/proc/self/gid_map", 65536);
}

/* ---- subordinate ids ---- */

static bool parse_range(Str line, Str user, uint32_t uid, IdRange *ret)
{
    Str name, rest, start, count;
    uint32_t number;

    if (!str_cut(str_trim(line), ':', &name, &rest) || !str_cut(rest, ':', &start, &count))
        return false;
    if (!(user.n && str_eq(name, user)) && !(num_parse_u32(name, &number) && number == uid))
        return false;
    return num_parse_u32(start, &ret->start) && num_parse_u32(count, &ret->count) && ret->count > 0;
}

void subids_parse(Str text, Str user, uint32_t uid, IdRangeVec *ret)
{
    IdRange r;

    for (Str line; ret->n < LIMIT_ID_RANGES && str_next(&text, '\n', &line);)
        if (parse_range(line, user, uid, &r))
            vec_push(ret, r);
}

/* The third field of the line of /etc/passwd: NSS is not asked, it might load libraries. Empty when unknown. */
static Str user_name(Arena *a, uint32_t uid)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PASSWD);
    Str name, rest, password, number, tail;
    uint32_t got;
    Err err;

    if (file_read(AT_FDCWD, "/etc/passwd", &text, &err) < 0)
        return S("");
    for (Str all = buf_str(&text), line; str_next(&all, '\n', &line);)
        if (str_cut(line, ':', &name, &rest) && str_cut(rest, ':', &password, &rest) &&
            str_cut(rest, ':', &number, &tail) && num_parse_u32(number, &got) && got == uid)
            return str_dup_in(a, name);
    return S("");
}

/* "PROGRAM PID 0 OWN 1 1 START COUNT ...", NULL-terminated; NULL when the user has no range. */
static char **map_arguments(Arena *a, const char *program, const char *file, pid_t pid,
                            uint32_t uid, uint32_t own)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_PASSWD);
    IdRangeVec ranges = {0};
    VEC(Str) args = {0};
    uint32_t at = 1;
    char **z = NULL;
    Err err;

    if (file_read(AT_FDCWD, file, &text, &err) == 0)
        subids_parse(buf_str(&text), user_name(a, uid), uid, &ranges);
    vec_push(&args, str_fmt_in(a, "%s", program));
    vec_push(&args, str_fmt_in(a, "%d", pid));
    vec_push(&args, S("0"));
    vec_push(&args, str_fmt_in(a, "%u", own));
    vec_push(&args, S("1"));
    vec_foreach(r, &ranges) {
        vec_push(&args, str_fmt_in(a, "%u", at));
        vec_push(&args, str_fmt_in(a, "%u", r->start));
        vec_push(&args, str_fmt_in(a, "%u", r->count));
        at += r->count;
    }
    if (ranges.n > 0) {
        z = arena_new_n(a, char *, args.n + 1);
        for (size_t i = 0; i < args.n; i++)
            memcpy(&z[i], &args.v[i].p, sizeof(z[i]));
    }
    vec_done(&ranges);
    vec_done(&args);
    return z;
}

/* ---- the helper outside ---- */

static _Noreturn void child_exec_tool(char **args)
{
    static const char *const dirs[] = {"/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"};
    static char *const env[] = {NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO); /* what it would say is said better when a RUN misses an id */
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s/%s", dirs[i], args[0]) > 0)
            (void)execve(path, args, env);
    }
    _exit(127);
}

static bool run_tool(char **args)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        child_exec_tool(args);
    if (pid < 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum { /* the helper's exit code is a set of these */
    MAPPED_UIDS = 1,
    MAPPED_GIDS = 2
};

static _Noreturn void child_map(int go, char **uid_args, char **gid_args)
{
    int done = 0;
    char byte;

    if (read(go, &byte, 1) != 1 || !uid_args || !gid_args || !run_tool(uid_args))
        _exit(0);
    done = MAPPED_UIDS;
    if (run_tool(gid_args))
        done |= MAPPED_GIDS;
    _exit(done);
}

/* Enter the namespace; *ret_mapped is what the helper achieved. */
static int unshare_with_helper(uint32_t uid, uint32_t gid, int *ret_mapped, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    char **uid_args = map_arguments(&a, "newuidmap", "/etc/subuid", getpid(), uid, uid);
    char **gid_args = map_arguments(&a, "newgidmap", "/etc/subgid", getpid(), uid, gid);
    cleanup_close int go_read = -1, go = -1;
    int pair[2], status, failed = 0;
    pid_t helper;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    go_read = pair[0];
    go = pair[1];
    helper = fork();
    if (helper == 0) {
        close_at(&go); /* or it would never see the end of the pipe */
        child_map(go_read, uid_args, gid_args);
    }
    if (helper < 0)
        return err_sys(err, "fork");
    if (unshare(CLONE_NEWUSER) < 0)
        failed = err_sys(err, "new user namespace");
    else
        (void)!write(go, "", 1);
    close_at(&go);
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_mapped = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return failed;
}

/* ---- entering ---- */

static _Noreturn void child_trial(int report, uint32_t uid, uint32_t gid)
{
    Err err = {0};
    int failed;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        failed = err_sys(&err, "new user namespace");
    else if ((failed = map_self(false, uid, gid, &err)) == 0 &&
             mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        failed = err_sys(&err, "no rights in the new user namespace");
    if (failed < 0)
        (void)!write(report, &err, sizeof(err));
    _exit(0);
}

static int try_in_child(uint32_t uid, uint32_t gid, Err *err)
{
    cleanup_close int report = -1;
    int pair[2];
    ssize_t n;
    pid_t pid;
    Err why;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    pid = fork();
    if (pid == 0)
        child_trial(pair[1], uid, gid);
    (void)close(pair[1]);
    report = pair[0];
    if (pid < 0)
        return err_sys(err, "fork");
    do
        n = read(report, &why, sizeof(why));
    while (n < 0 && errno == EINTR);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (n == (ssize_t)sizeof(why))
        return err_set(err, ERR_UNSUPPORTED, "user namespaces are not available here (%s)",
                       why.msg);
    return 0;
}

int userns_enter(Err *err)
{
    uint32_t uid = geteuid(), gid = getegid();
    int mapped = 0;

    if (uid == 0)
        return 0;
    TRY(try_in_child(uid, gid, err));
    TRY(unshare_with_helper(uid, gid, &mapped, err));
    if (mapped != (MAPPED_UIDS | MAPPED_GIDS)) {
        log_debug("no subordinate ids: only root exists in the user namespace");
        TRY(map_self(mapped & MAPPED_UIDS, uid, gid, err));
    }
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return err_sys(err, "become root of the user namespace");
    entered = true;
    return 1;
}
