/* SPDX-License-Identifier: Apache-2.0 */
#include "git/spool.h"

#include "base/limits.h"
#include "base/mem.h"
#include "os/fd.h"

int git_spool_add(GitSpool *spool, Str bytes, GitPart *ret, Err *err)
{
    *ret = (GitPart){spool->end, bytes.n};
    TRY(fd_pwrite_all(spool->fd, bytes.p, bytes.n, spool->end, err));
    spool->end += bytes.n;
    return 0;
}

GitSpoolWriter git_spool_writer(GitSpool *borrowed)
{
    return (GitSpoolWriter){.spool = borrowed, .sum = sha1_new(), .block = NEW_N(char, IO_BLOCK)};
}

void git_spool_writer_done(GitSpoolWriter *w)
{
    sha1_free(w->sum);
    free(w->block);
}

int git_spool_flush(GitSpoolWriter *w, Err *err)
{
    TRY(fd_pwrite_all(w->spool->fd, w->block, w->n, w->spool->end, err));
    w->spool->end += w->n;
    w->n = 0;
    return 0;
}

int git_spool_room(const GitSpoolWriter *w, uint64_t size, Err *err)
{
    if (size > LIMIT_CONTEXT || git_spool_end(w) > LIMIT_CONTEXT - size)
        return err_set(err, ERR_LIMIT, "the repository is larger than %ju bytes",
                       (uintmax_t)LIMIT_CONTEXT);
    return 0;
}

int git_spool_write(GitSpoolWriter *w, const void *p, size_t n, Err *err)
{
    const char *from = p;

    TRY(git_spool_room(w, n, err));
    sha1_update(w->sum, from, n);
    while (n > 0) {
        size_t k = IO_BLOCK - w->n < n ? IO_BLOCK - w->n : n;

        memcpy(w->block + w->n, from, k);
        w->n += k;
        from += k;
        n -= k;
        if (w->n == IO_BLOCK)
            TRY(git_spool_flush(w, err));
    }
    return 0;
}
