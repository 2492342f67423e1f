/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the supervisor's fork to the program: a straight sequence in which the kernel forces most of the order. Privileges go last:
 * the directory is entered with them (Docker does the same, so a user may be put where it could not have walked to),
 * groups need CAP_SETGID, the bounding set CAP_SETPCAP, and after setresuid() there is neither.
 *
 * no_new_privs is not set: sudo and su must work in a RUN as they do in Docker's.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "os/fd.h"
#include "os/signal.h"
#include "sandbox/supervise.h"

/* Docker's default set: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
   audit_write setfcap. */
static const uint64_t RUN_CAPS = 0xa80425fb;

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
    CAP_BITS = 64, /* the kernel answers EINVAL beyond those that it knows */
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127
};

static _Noreturn void report(int fd, const RunReply *reply)
{
    (void)!write(fd, reply, sizeof(*reply)); /* at most PIPE_BUF: all or nothing */
    _exit(EXIT_NOT_FOUND);
}

/* A program may open /dev/stdout, which checks the pipe's owner. Nothing but a pipe is given away: it has no other name. */
static void give_pipe(int fd, uint32_t uid)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid)
        (void)fchown(fd, uid, (gid_t)-1);
}

/* Above the three standard descriptors nothing may be inherited; dup2 leaves them open over exec. */
static int take_stdio(int out_fd, int err_fd, Err *err)
{
    cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0)
        return err_sys(err, "open /dev/null");
    if (dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
        dup2(err_fd, STDERR_FILENO) < 0)
        return err_sys(err, "standard descriptors of the command");
    return 0;
}

/* No core files in the image; no access to the keys of the session that kiln was started in. */
static void shed_session(void)
{
    struct rlimit core;

    (void)setsid();
    (void)umask(0022);
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = 0;
        (void)setrlimit(RLIMIT_CORE, &core);
    }
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

/*
 * What root's programs get is decided by the bounding set. Lowering it needs CAP_SETPCAP; a container that was not given
 * that keeps the (smaller) set it has.
 */
static void bound_capabilities(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = {0};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned c = 0; c < CAP_BITS; c++)
        if (!(RUN_CAPS >> c & 1) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    if (syscall(SYS_capget, &h, d) < 0)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(d); i++)
        d[i].inheritable = 0;
    (void)syscall(SYS_capset, &h, d);
}

/* A user namespace with a single id was made with setgroups switched off for good (user_namespaces(7)). */
static bool setgroups_denied(void)
{
    cleanup_close int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    char text[8];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    return n >= 4 && memcmp(text, "deny", 4) == 0;
}

static int take_ids(const RunSpec *s, Err *err)
{
    if (setgroups(s->n_groups, s->groups) < 0 && !(errno == EPERM && setgroups_denied()))
        return err_sys(err, "setgroups");
    if (setresgid(s->gid, s->gid, s->gid) == 0 && setresuid(s->uid, s->uid, s->uid) == 0)
        return 0;
    if (errno == EINVAL)
        return err_set(
            err, ERR_UNSUPPORTED,
            "user %u:%u does not exist in this user namespace: give the account that runs kiln a range of ids in "
            "/etc/subuid and /etc/subgid, and install newuidmap and newgidmap",
            s->uid, s->gid);
    return err_sys(err, "become user %u:%u", s->uid, s->gid);
}

static int prepare(const RunSpec *s, int out_fd, int err_fd, Err *err)
{
    TRY(take_stdio(out_fd, err_fd, err));
    give_pipe(STDOUT_FILENO, s->uid);
    give_pipe(STDERR_FILENO, s->uid);
    shed_session();
    if (chdir(s->cwd) < 0)
        return err_sys(err, "working directory %s", s->cwd);
    bound_capabilities();
    TRY(take_ids(s, err));
    signals_reset();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* setresuid would have cleared it */
    return 0;
}

/* ---- finding the program ---- */

typedef struct Program {
    char **argv, **env;
} Program;

static char **z_list(Arena *a, const StrVec *list)
{
    char **z = arena_new_n(a, char *, list->n + 1);

    for (size_t i = 0; i < list->n; i++)
        memcpy(&z[i], &list->v[i].p, sizeof(z[i])); /* execve wants char *, and changes nothing */
    return z;
}

static Str search_path(const StrVec *env)
{
    for (size_t i = 0; i < env->n; i++)
        if (str_starts(env->v[i], S("PATH=")))
            return str_skip(env->v[i], 5);
    return S(DEFAULT_PATH);
}

/* As execvp: the first that can be executed; a file that may not be executed is remembered while later directories are tried. */
static int exec_in_path(Arena *a, const Program *p, Str path, Str *ret_tried)
{
    int denied = 0;
    Str dir;

    while (str_next(&path, ':', &dir)) {
        Str file = dir.n ? str_fmt_in(a, STR_FMT "/%s", STR_ARG(dir), p->argv[0])
                         : str_fmt_in(a, "./%s", p->argv[0]);

        (void)execve(file.p, p->argv, p->env);
        if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP) {
            /* a program whose interpreter is missing is ENOENT too, but was found */
            if (errno != ENOENT || access(file.p, F_OK) < 0)
                continue;
            errno = ENOENT;
        }
        *ret_tried = file;
        if (errno != EACCES)
            return errno;
        denied = errno;
    }
    return denied ? denied : ENOENT;
}

/* Returns the errno of the attempt that counts; *ret_tried is its file, {NULL, 0} when PATH has none. */
static int exec_program(Arena *a, const Program *p, const StrVec *env, Str *ret_tried)
{
    if (!strchr(p->argv[0], '/'))
        return p->argv[0][0] ? exec_in_path(a, p, search_path(env), ret_tried) : ENOENT;
    (void)execve(p->argv[0], p->argv, p->env);
    *ret_tried = str_from(p->argv[0]);
    return errno;
}

static const char *why_not(int error, bool exists)
{
    switch (error) {
    case ENOEXEC:
        return "exec format error: is the base image for another platform? (a script needs a #! line)";
    case ENOENT:
        if (exists)
            return "its interpreter or dynamic loader does not exist in the image";
        return "no such file";
    case EACCES: return "permission denied: not executable for this user, or a directory";
    case E2BIG: return "arguments and environment are too large for the kernel";
    default: break;
    }
    return strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error";
}

static RunResult not_found(const char *name, Str tried, int error, const StrVec *env)
{
    bool exists = tried.p && access(tried.p, F_OK) == 0;
    RunResult r = {.not_found = true,
                   .exit_code =
                       error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE};

    if (tried.p)
        (void)snprintf(r.detail, sizeof(r.detail), "%.120s: %s", tried.p, why_not(error, exists));
    else
        (void)snprintf(r.detail, sizeof(r.detail), "%.100s: not found in PATH=%.120s", name,
                       search_path(env).p);
    return r;
}

_Noreturn void child_exec(const RunSpec *spec, int out_fd, int err_fd, int report_fd)
{
    Arena a = ARENA_INIT;
    Program p = {.argv = z_list(&a, spec->argv), .env = z_list(&a, spec->env)};
    RunReply reply = {0};
    Str tried = {NULL, 0};
    Err err = {0};
    int error;

    if (prepare(spec, out_fd, err_fd, &err) < 0) {
        reply.failed = true;
        reply.err = err;
        report(report_fd, &reply);
    }
    error = exec_program(&a, &p, spec->env, &tried);
    reply.result = not_found(p.argv[0], tried, error, spec->env);
    report(report_fd, &reply);
}
