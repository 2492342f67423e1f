/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "context/kinds.h"

int context_dir_open(const char *path, int *ret_fd, Err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "the context %s does not exist", path);
    if (fd < 0 && errno == ENOTDIR)
        return err_set(err, ERR_USAGE, "the context %s is not a directory", path);
    if (fd < 0)
        return err_sys(err, "open the context %s", path);
    *ret_fd = fd;
    return 0;
}
