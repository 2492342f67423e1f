/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation works on a Target: a descriptor (f*xattr), or a path for the l*xattr calls. The
 * kernel has had *at variants only since 6.13, so dirfd/name is reached as
 * /proc/self/fd/DIRFD/name: the link in /proc is followed to the directory, the name after it is
 * not followed. That takes one call for a file that has none, and works for symlinks, devices and
 * fifos without opening them.
 */
#include "os/xattr.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "base/vec.h"

enum {
    LIST_FIRST = 1024,    /* bytes: enough for the names of nearly every file */
    LIST_MOST = 64 << 10, /* the kernel's XATTR_LIST_MAX */
    VALUE_FIRST = 256     /* bytes: a capability has 24, an ACL of ten entries 84 */
};

typedef struct Target {
    enum {
        BY_FD,   /* f*xattr on fd */
        BY_PATH, /* *xattr on path, which ends in a link of /proc/self/fd: that one is followed */
        BY_NAME, /* l*xattr on path */
        UNREACHABLE /* taken to have none, see target_open_plain() */
    } how;
    int fd;
    int own; /* opened here, or -1 */
    char path[PATH_MAX];
} Target;

static void target_done(Target *t)
{
    close_at(&t->own);
}

/* ---- the value ---- */

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const Xattr *)a)->name, ((const Xattr *)b)->name);
}

static Str copy_to(char **at, Str s)
{
    Str got = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return got;
}

Xattrs *xattrs_new(const Xattr *v, size_t n)
{
    size_t bytes = 0;
    Xattrs *x;
    char *at;

    if (n == 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        bytes += v[i].name.n + v[i].value.n;
    x = xalloc(1, sizeof(*x) + n * sizeof(x->v[0]) + bytes);
    x->n = n;
    memcpy(x->v, v, n * sizeof(x->v[0]));
    qsort(x->v, n, sizeof(x->v[0]), by_name);
    at = (char *)&x->v[n];
    for (size_t i = 0; i < n; i++) {
        x->v[i].name = copy_to(&at, x->v[i].name);
        x->v[i].value = copy_to(&at, x->v[i].value);
    }
    return x;
}

void xattrs_free(Xattrs *x)
{
    free(x);
}

bool xattrs_equal(const Xattrs *a, const Xattrs *b)
{
    size_t n = a ? a->n : 0;

    if (n != (b ? b->n : 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(a->v[i].name, b->v[i].name) || !str_eq(a->v[i].value, b->v[i].value))
            return false;
    return true;
}

Str xattrs_find(const Xattrs *x, Str name)
{
    for (size_t i = 0; x && i < x->n; i++)
        if (str_eq(x->v[i].name, name))
            return x->v[i].value;
    return (Str){NULL, 0};
}

static bool belongs_into_image(Str name)
{
    if (str_starts(name, S("user.")))
        return !str_starts(name, S("user.overlay."));
    if (str_starts(name, S("trusted.")))
        return !str_starts(name, S("trusted.overlay."));
    return str_eq(name, S("security.capability")) || str_starts(name, S("system.posix_acl_"));
}

/* ---- where they are ---- */

static int target_of_fd(int fd, Target *ret, Err *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return err_sys(err, "extended attributes");
    ret->how = flags & O_PATH ? BY_PATH : BY_FD; /* an O_PATH descriptor is refused by f*xattr */
    ret->fd = fd;
    ret->own = -1;
    (void)snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", fd);
    return 0;
}

static int target_of_name(int dirfd, const char *name, Target *ret, Err *err)
{
    int n;

    ret->how = BY_NAME;
    ret->fd = ret->own = -1;
    if (dirfd == AT_FDCWD || name[0] == '/')
        n = snprintf(ret->path, sizeof(ret->path), "%s", name);
    else
        n = snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d/%s", dirfd, name);
    if (n >= 0 && (size_t)n < sizeof(ret->path))
        return 0;
    errno = ENAMETOOLONG;
    return err_sys(err, "extended attributes of %s", name);
}

/*
 * Without /proc: regular files and directories can be opened for reading without side effects.
 * Anything else would be changed or waited for by that, and is taken to have no attributes.
 */
static int target_open_plain(int dirfd, const char *name, Target *ret, Err *err)
{
    struct stat st;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(err, "stat %s", name);
    ret->how = UNREACHABLE;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return 0;
    ret->own = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (ret->own < 0)
        return err_sys(err, "open %s", name);
    ret->fd = ret->own;
    ret->how = BY_FD;
    return 0;
}

static ssize_t call_list(const Target *t, char *list, size_t size)
{
    switch (t->how) {
    case BY_FD: return flistxattr(t->fd, list, size);
    case BY_PATH: return listxattr(t->path, list, size);
    case BY_NAME: return llistxattr(t->path, list, size);
    case UNREACHABLE: break;
    }
    return 0;
}

static ssize_t call_get(const Target *t, const char *name, void *value, size_t size)
{
    switch (t->how) {
    case BY_FD: return fgetxattr(t->fd, name, value, size);
    case BY_PATH: return getxattr(t->path, name, value, size);
    case BY_NAME: return lgetxattr(t->path, name, value, size);
    case UNREACHABLE: break;
    }
    errno = ENOTSUP;
    return -1;
}

static int call_set(const Target *t, const char *name, Str value)
{
    switch (t->how) {
    case BY_FD: return fsetxattr(t->fd, name, value.p, value.n, 0);
    case BY_PATH: return setxattr(t->path, name, value.p, value.n, 0);
    case BY_NAME: return lsetxattr(t->path, name, value.p, value.n, 0);
    case UNREACHABLE: break;
    }
    errno = ENOTSUP;
    return -1;
}

static int call_remove(const Target *t, const char *name)
{
    switch (t->how) {
    case BY_FD: return fremovexattr(t->fd, name);
    case BY_PATH: return removexattr(t->path, name);
    case BY_NAME: return lremovexattr(t->path, name);
    case UNREACHABLE: break;
    }
    errno = ENOTSUP;
    return -1;
}

/* ---- reading ---- */

/* All names, each with its NUL. */
static int read_names(const Target *t, Buf *ret, Err *err)
{
    char first[LIST_FIRST];
    cleanup_free char *more = NULL;
    ssize_t n = call_list(t, first, sizeof(first));

    if (n < 0 && errno == ERANGE) {
        more = NEW_N(char, LIST_MOST);
        n = call_list(t, more, LIST_MOST);
    }
    if (n < 0 && (errno == ENOTSUP || errno == ENOSYS))
        return 0;
    if (n < 0)
        return err_sys(err, "list extended attributes");
    buf_append(ret, more ? more : first, (size_t)n);
    return buf_check(ret, "list of extended attributes", err);
}

/* Append one value to 'ret'. Returns 1, or 0 when it is gone or not for us to see. */
static int read_value(const Target *t, const char *name, Buf *ret, Err *err)
{
    char first[VALUE_FIRST];
    cleanup_free char *more = NULL;
    ssize_t n = call_get(t, name, first, sizeof(first));

    if (n < 0 && errno == ERANGE) {
        more = NEW_N(char, LIMIT_XATTR_VALUE);
        n = call_get(t, name, more, LIMIT_XATTR_VALUE);
    }
    if (n < 0 && (errno == ENODATA || errno == ENOTSUP))
        return 0;
    if (n < 0 && errno == EPERM && strncmp(name, "trusted.", 8) == 0)
        return 0;
    if (n < 0)
        return err_sys(err, "extended attribute %s", name);
    buf_append(ret, more ? more : first, (size_t)n);
    TRY(buf_check(ret, "extended attributes", err));
    return 1;
}

static int read_all(const Target *t, Xattrs **ret, Err *err)
{
    cleanup_buf Buf names = BUF_INIT(LIST_MOST);
    cleanup_buf Buf values = BUF_INIT(LIMIT_XATTR_TOTAL);
    VEC(Xattr) found = {0};
    const char *at;
    int r = read_names(t, &names, err);

    for (Str rest = buf_str(&names), name; r >= 0 && rest.n > 0 && str_next(&rest, '\0', &name);) {
        size_t before = values.n;

        if (!belongs_into_image(name))
            continue;
        r = read_value(t, name.p, &values, err);
        if (r > 0)
            vec_push(&found, ((Xattr){name, {NULL, values.n - before}}));
    }
    /* The values lie one behind the other, and do not move any more. */
    at = buf_z(&values);
    vec_foreach(x, &found) {
        x->value.p = at;
        at += x->value.n;
    }
    if (r >= 0)
        *ret = xattrs_new(found.v, found.n);
    vec_done(&found);
    return r < 0 ? -1 : 0;
}

/* Through /proc, or around it when that is the reason why nothing is found. */
static int read_reachable(int dirfd, const char *name, Target *t, Xattrs **ret, Err *err)
{
    int r = read_all(t, ret, err);

    if (r == 0 || t->how == BY_FD || err->os_errno != ENOENT || access("/proc/self/fd", F_OK) == 0)
        return r;
    if (t->how == BY_PATH)
        return err_set(err, ERR_UNSUPPORTED,
                       "extended attributes of an O_PATH descriptor: no /proc");
    TRY(target_open_plain(dirfd, name, t, err));
    return read_all(t, ret, err);
}

int xattrs_read_fd(int fd, Xattrs **ret, Err *err)
{
    Target t;

    TRY(target_of_fd(fd, &t, err));
    return read_reachable(fd, "", &t, ret, err);
}

int xattrs_read_at(int dirfd, const char *name, Xattrs **ret, Err *err)
{
    cleanup_with(target_done) Target t;

    t.own = -1;
    TRY(target_of_name(dirfd, name, &t, err));
    if (read_reachable(dirfd, name, &t, ret, err) < 0)
        return err_wrap(err, "%s", name);
    return 0;
}

/* ---- writing ---- */

/*
 * Did the file system or the kernel refuse on principle? An ACL with ids that have no place in our
 * user namespace is EINVAL; user.* on a symlink or a device is EPERM even for root.
 */
static bool is_refusal(const char *name)
{
    if (errno == EINVAL)
        return strncmp(name, "system.posix_acl_", 17) == 0;
    return errno == ENOTSUP || errno == EPERM || errno == ENOSYS;
}

static int remove_others(const Target *t, const Xattrs *old, const Xattrs *x, unsigned *skipped,
                         Err *err)
{
    for (size_t i = 0; old && i < old->n; i++) {
        cleanup_free char *name = NULL;

        if (xattrs_find(x, old->v[i].name).p)
            continue;
        name = str_dup(old->v[i].name);
        if (call_remove(t, name) == 0 || errno == ENODATA)
            continue;
        if (!is_refusal(name))
            return err_sys(err, "remove extended attribute %s", name);
        (*skipped)++;
    }
    return 0;
}

static int set_one(const Target *t, const Xattr *x, unsigned *skipped, Err *err)
{
    cleanup_free char *name = NULL;

    if (x->name.n == 0 || x->name.n > LIMIT_NAME || memchr(x->name.p, '\0', x->name.n))
        return err_set(err, ERR_FORMAT, "bad name of an extended attribute");
    if (!belongs_into_image(x->name)) {
        (*skipped)++;
        return 0;
    }
    name = str_dup(x->name);
    if (call_set(t, name, x->value) == 0)
        return 0;
    if (!is_refusal(name))
        return err_sys(err, "set extended attribute %s", name);
    (*skipped)++;
    return 0;
}

static bool has_equal(const Xattrs *x, const Xattr *want)
{
    Str got = xattrs_find(x, want->name);

    return got.p && str_eq(got, want->value);
}

static int write_reachable(int dirfd, const char *name, Target *t, const Xattrs *x,
                           unsigned *ret_skipped, Err *err)
{
    cleanup_with(xattrs_free_at) Xattrs *old = NULL;
    unsigned skipped = 0;

    TRY(read_reachable(dirfd, name, t, &old, err));
    TRY(remove_others(t, old, x, &skipped, err));
    for (size_t i = 0; x && i < x->n; i++)
        if (!has_equal(old, &x->v[i]))
            TRY(set_one(t, &x->v[i], &skipped, err));
    if (ret_skipped)
        *ret_skipped = skipped;
    return 0;
}

int xattrs_write_fd(int fd, const Xattrs *x, unsigned *ret_skipped, Err *err)
{
    Target t;

    TRY(target_of_fd(fd, &t, err));
    return write_reachable(fd, "", &t, x, ret_skipped, err);
}

int xattrs_write_at(int dirfd, const char *name, const Xattrs *x, unsigned *ret_skipped, Err *err)
{
    cleanup_with(target_done) Target t;

    t.own = -1;
    TRY(target_of_name(dirfd, name, &t, err));
    if (write_reachable(dirfd, name, &t, x, ret_skipped, err) < 0)
        return err_wrap(err, "%s", name);
    return 0;
}
