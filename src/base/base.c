/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>

void free_at(void *pp)
{
    void **p = (void **)pp;
    free(*p);
    *p = NULL;
}

void close_at(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}
