/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/sandbox.h - where a stage's root file system stands on disk, and how a command runs in
 * it.
 *
 * A Root is one stage's directory. Everything the builder does to it (unpack, copy, scan) goes
 * through root->fd; only sandbox_run() lets a stranger's code touch it. One vtable, one file per
 * kind:
 *
 *      namespaces  roots are DIR/roots/N; a run gets its own mount, pid, ipc, uts (and user)
 *                  namespaces and pivots into it
 *      inplace     the active root is the container's own "/", around its mounts and kiln's
 *                  directory; the others are put aside by renaming their top-level entries into
 *                  DIR/roots/N
 *
 * At most one run at a time where 'parallel' is false; with `inplace` a root must be activated
 * before it is touched.
 *
 * Ownership  a Sandbox owns its roots; root_free() removes the files of one. sandbox_free() removes
 *            all that is left and, for inplace, puts back what stood in "/" before (or leaves the
 *            last root there: SandboxOpts.keep_final_root).
 * Errors     ERR_UNSUPPORTED when this kernel or container cannot do it (says why and what to do),
 *            ERR_SYS, ERR_RUN never: a command's own failure is a RunResult.
 */
#pragma once

#include "base/vec.h"
#include "os/mountinfo.h"

typedef struct Sandbox Sandbox;
typedef struct Launcher Launcher;

/*
 * Fork the launcher: the small process that runs every RUN. Call it first thing in main(), before
 * any thread exists, any credential is read, or any descriptor is opened, but after userns_enter()
 * (sandbox/userns.h). It keeps stdin, stdout, stderr and its socket, nothing else; wipes its copy
 * of the environment; is not dumpable; is a child subreaper; ends when the builder's end of the
 * socket closes, killing what still runs. The builder, too, is not dumpable from then on: what it
 * has in its memory and its environment is not to be read through /proc by a RUN that shares the
 * pid namespace.
 */
int launcher_start(Launcher **ret, Err *err) must_check;
void launcher_stop(Launcher *l);
CLEANUP_DEFINE(Launcher, launcher_stop);

typedef struct SandboxOpts {
    const char *kind;     /* "auto", "namespaces", "inplace" */
    const char *kiln_dir; /* absolute; roots and stubs live below it */
    bool force;           /* inplace although no sign of a container was found */
    bool keep_final_root;
    /*
     * inplace: absolute paths that stay where they are beside the mounts and kiln_dir, because the
     * builder still needs them there (credentials, files to be written); NULL: none.
     */
    const StrVec *keep;
    /*
     * inplace: a directory that is going to be read through sandbox_open_outside(): moved aside
     * with the rest, unless something is mounted in it. Absolute, without links; NULL: none.
     */
    const char *context;
} SandboxOpts;

bool sandbox_kind_known(const char *kind); /* "auto" included */

/* Probe, choose, prepare. 'l' is borrowed. */
int sandbox_open(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err) must_check;
/* What kilns that were killed have left of their roots there; sandbox_open() does that, too. */
void sandbox_remove_stale(const char *kiln_dir);
void sandbox_free(Sandbox *s);
CLEANUP_DEFINE(Sandbox, sandbox_free);
const char *sandbox_name(const Sandbox *s);

/*
 * A directory by the absolute path, free of symlinks, that it had before the sandbox was opened,
 * wherever it stands now. Owned by caller.
 */
int sandbox_open_outside(Sandbox *s, const char *path, Err *err) must_check;
bool sandbox_parallel(const Sandbox *s); /* several roots may be active at once */

bool sandbox_may_chown(const Sandbox *s); /* Root.may_chown of all its roots */

typedef struct Root {
    int fd; /* the root directory, O_DIRECTORY; valid while active. Owned by the Root */
    /*
     * Owners on disk are the owners in the tree. False in a user namespace that has only root
     * (sandbox/userns.h): ignore owners when writing and when scanning.
     */
    bool may_chown;
    /*
     * Paths (relative, cleaned, sorted) that are not the image's: mount points, the kiln directory.
     * Nothing at or below them is written, scanned or removed; directories that exist only to hold
     * one of them are not the image's either.
     */
    const StrVec *foreign;
} Root;

int root_new(Sandbox *s, Root **ret, Err *err) must_check; /* empty and active */
/*
 * Put the active root aside and bring this one back. For inplace that renames: names directly in
 * the root (and more, where overlayfs makes us move one by one) get a new ctime, and nothing else
 * changes.
 */
int root_activate(Sandbox *s, Root *r, Err *err) must_check;
/*
 * A descriptor for reading a root that need not be active (COPY --from a finished stage). Owned by
 * caller; of no use any more once the root has been activated or put aside.
 */
int root_open_readonly(Sandbox *s, Root *r, Err *err) must_check;
void root_free(Sandbox *s, Root *r); /* removes its files */

/*
 * A new, empty directory beside the roots, for what is to be mounted: from there inplace can rename
 * it. *ret is its absolute path, owned by the caller; it is removed with the sandbox.
 */
int sandbox_new_dir(Sandbox *s, char **ret, Err *err) must_check;

typedef enum RunNetwork {
    RUN_NETWORK_DEFAULT,
    RUN_NETWORK_NONE,
    RUN_NETWORK_HOST
} RunNetwork;

typedef enum SandboxMountKind {
    SANDBOX_BIND,  /* a directory or file that the builder has */
    SANDBOX_TMPFS, /* an empty directory */
    SANDBOX_FILE,  /* bytes that are to be on no disk: a secret; read-only */
} SandboxMountKind;

/*
 * What a RUN finds in its root that is not the root's. Strings and data are borrowed. Where there
 * is no mount(2) (inplace) the same is done by renaming: then nothing but the builder's care keeps
 * the command from writing to what is read-only, and 'spoiled' says that it did.
 */
typedef struct SandboxMount {
    SandboxMountKind kind;
    const char *target; /* absolute, cleaned, not "/"; resolved inside the root, made if missing */
    bool read_only;     /* bind, tmpfs */
    /* bind: */
    Root *from;         /* 'source' in this root (not the one that runs) ... */
    const char *dir;    /* ... or in this directory: absolute, trusted */
    const char *source; /* relative, without links; "" = all of it */
    bool is_dir;
    bool discard; /* what the command writes there is thrown away */
    bool spoiled; /* out: the source is not any more what it was, though it should be */
    /* tmpfs: */
    uint64_t size_bytes; /* 0 = the kernel's default; inplace: not enforced */
    /* file: */
    Str data;
    uint32_t mode, uid, gid;
} SandboxMount;

typedef struct RunSpec {
    const StrVec *argv; /* argv[0] is looked up in the PATH of env, inside the root */
    const StrVec *env;  /* "K=V" */
    const char *cwd;    /* absolute, inside the root; must exist */
    uint32_t uid, gid;
    const uint32_t *groups; /* supplementary */
    size_t n_groups;
    const char *hostname; /* namespaces only */
    RunNetwork network;
    SandboxMount *mounts; /* at most LIMIT_RUN_MOUNTS, the later over the earlier */
    size_t n_mounts;
} RunSpec;

typedef struct RunResult {
    int exit_code;    /* 0..255; 128+N when killed by signal N */
    int term_signal;  /* 0 or N */
    bool not_found;   /* the command does not exist (exit_code 127) or cannot be executed (126) */
    char detail[256]; /* for not_found and set-up failures: which path, why */
    uint64_t spoiled; /* internal: bits for RunSpec.mounts, which see */
} RunResult;

/*
 * Run one command to its end; its stdin is empty, its stdout and stderr are the given descriptors
 * (borrowed). Whatever it leaves running is killed before this returns. A signal to kiln
 * (os/signal.h) kills the command's whole process group (the pid namespace where there is one)
 * first SIGTERM, after two seconds SIGKILL, and returns ERR_CANCELLED. Mount points made only for
 * the run (namespaces: /proc /dev /sys, etc/resolv.conf, etc/hosts, ...) are gone afterwards if
 * they were not there before, and their directories have the mtime the command left them with (but
 * a new ctime).
 */
int sandbox_run(Sandbox *s, Root *r, const RunSpec *spec, int out_fd, int err_fd, RunResult *ret,
                Err *err) must_check;

/*
 * Signs that this process is in a container, the first one found ("/.dockerenv", ...); NULL when
 * there is none.
 */
const char *container_sign(void);
