/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar://PATH, tar://stdin and "-": an archive, compressed or not, in a file or on standard input.
 * Of "-" what is no archive is a Dockerfile, as docker build has it.
 */
#include <errno.h>
#include <fcntl.h>

#include "context/kinds.h"
#include "os/fd.h"

typedef struct FileBringer {
    Bringer b;
    int fd;
    bool owned;
} FileBringer;

static int bring_file(Bringer *self, Writer *to, Err *err)
{
    FdReader in = fd_reader(((FileBringer *)self)->fd);

    return io_copy(&in.r, to, NULL, err);
}

static void free_file(Bringer *self)
{
    FileBringer *b = (FileBringer *)self;

    if (b->owned)
        close_at(&b->fd);
    free(b);
}

static int open_file(const char *path, int *ret_fd, Err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "the context tar://%s does not exist", path);
    if (fd < 0)
        return err_sys(err, "open the context tar://%s", path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close_at(&fd);
        return err_set(err, ERR_USAGE, "the context tar://%s is a directory (use dir://%s)", path,
                       path);
    }
    *ret_fd = fd;
    return 0;
}

int tar_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                     Err *err)
{
    bool from_stdin = strcmp(rest, "stdin") == 0;
    ArchiveOpts how = {.name = spec, .maybe_dockerfile = strcmp(spec, "-") == 0};
    int fd = STDIN_FILENO;
    FileBringer *b;

    if (from_stdin && isatty(fd))
        return err_set(err, ERR_USAGE,
                       "the context %s is read from standard input, which is a terminal: pipe an "
                       "archive into it",
                       spec);
    if (!from_stdin)
        TRY(open_file(rest, &fd, err));
    b = NEW(FileBringer);
    b->b = (Bringer){bring_file, free_file};
    b->fd = fd;
    b->owned = !from_stdin;
    return archive_context_new(&b->b, &how, o, ret, err);
}
