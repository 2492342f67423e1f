/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "base/limits.h"
#include "context/kinds.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/temp.h"

/* Without a name from the beginning where the file system can do that, else as soon as it is open. */
static int make_unnamed(const char *dir, int *ret_fd, Err *err)
{
    Temp *t;
    int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd < 0) {
        TRY(temp_file(dir, "context", &t, &fd, err));
        temp_free(t);
    }
    *ret_fd = fd;
    return 0;
}

int context_spool_new(const ContextOpts *o, int *ret_fd, Err *err)
{
    if (dir_make_all(AT_FDCWD, o->kiln_dir, 0700, err) < 0 ||
        make_unnamed(o->kiln_dir, ret_fd, err) < 0)
        return err_wrap(err, "the kiln directory %s (choose another with --kiln-dir)", o->kiln_dir);
    return 0;
}

int context_spool_open(int fd, const Node *n, OpenFile *ret, Err *err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return err_sys(err, "duplicate a descriptor");
    *ret = (OpenFile){copy, n->inode->content.offset};
    return 0;
}

int context_spool_read(Context *c, int fd, const char *path, Buf *ret, Err *err)
{
    FdRangeReader r;
    Node *n;

    TRY(tree_lookup(c->tree, str_from(path), true, &n, err));
    if (!n)
        return err_set(err, ERR_NOT_FOUND, "%s does not exist in the context %s", path, c->name);
    if (!S_ISREG(n->inode->mode))
        return err_set(err, ERR_USAGE, "%s in the context %s is not a file", path, c->name);
    r = fd_range_reader(fd, n->inode->content.offset, n->inode->size);
    return reader_read_all(&r.r, ret, path, err);
}
