/* SPDX-License-Identifier: Apache-2.0 */
#include "git/delta.h"

#include "os/fd.h"

/* The instructions, read byte by byte out of a stream. */
typedef struct Delta {
    Reader *in;
    unsigned char block[4096];
    size_t at, n;
} Delta;

static int delta_fill(Delta *d, Err *err)
{
    ssize_t k;

    if (d->at < d->n)
        return 0;
    k = reader_read(d->in, d->block, sizeof(d->block), err);
    if (k < 0)
        return -1;
    d->at = 0;
    d->n = (size_t)k;
    return 0;
}

static int delta_byte(Delta *d, unsigned char *ret, Err *err)
{
    TRY(delta_fill(d, err));
    if (d->at == d->n)
        return err_set(err, ERR_FORMAT, "a delta ends in the middle");
    *ret = d->block[d->at++];
    return 0;
}

static int delta_size(Delta *d, uint64_t *ret, Err *err)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        unsigned char c;

        TRY(delta_byte(d, &c, err));
        if (shift > 56)
            return err_set(err, ERR_FORMAT, "a delta names an absurd size");
        v |= (uint64_t)(c & 127) << shift;
        if (!(c & 128))
            break;
    }
    *ret = v;
    return 0;
}

/* Bytes that are present in the order of the bits of 'which'. */
static int delta_number(Delta *d, unsigned which, unsigned bits, uint64_t *ret, Err *err)
{
    *ret = 0;
    for (unsigned i = 0; i < bits; i++) {
        unsigned char c;

        if (!(which & (1u << i)))
            continue;
        TRY(delta_byte(d, &c, err));
        *ret |= (uint64_t)c << (8 * i);
    }
    return 0;
}

static int copy_from_base(GitSpoolWriter *out, const GitObject *base, uint64_t at, uint64_t n,
                          Err *err)
{
    char block[16384];

    if (at > base->size || n > base->size - at)
        return err_set(err, ERR_FORMAT, "a delta reaches beyond its base");
    while (n > 0) {
        size_t want = n < sizeof(block) ? (size_t)n : sizeof(block), got;

        TRY(fd_pread_full(out->spool->fd, block, want, base->at + at, &got, err));
        if (got < want)
            return err_set(err, ERR_SYS, "the spool file became shorter");
        TRY(git_spool_write(out, block, got, err));
        at += got;
        n -= got;
    }
    return 0;
}

static int insert_bytes(GitSpoolWriter *out, Delta *d, unsigned n, Err *err)
{
    while (n > 0) {
        size_t k;

        TRY(delta_fill(d, err));
        k = d->n - d->at < n ? d->n - d->at : n;
        if (k == 0)
            return err_set(err, ERR_FORMAT, "a delta ends in the middle");
        TRY(git_spool_write(out, d->block + d->at, k, err));
        d->at += k;
        n -= (unsigned)k;
    }
    return 0;
}

static int instruction(GitSpoolWriter *out, Delta *d, const GitObject *base, uint64_t left,
                       uint64_t *ret_n, Err *err)
{
    unsigned char c;
    uint64_t at;

    TRY(delta_byte(d, &c, err));
    if (c == 0)
        return err_set(err, ERR_FORMAT, "a delta has an unknown instruction");
    *ret_n = c;
    if (c & 128) {
        TRY(delta_number(d, c & 15, 4, &at, err));
        TRY(delta_number(d, (c >> 4) & 7, 3, ret_n, err));
        if (*ret_n == 0)
            *ret_n = 0x10000;
    }
    if (*ret_n > left)
        return err_set(err, ERR_FORMAT, "a delta makes more than it says");
    return c & 128 ? copy_from_base(out, base, at, *ret_n, err) : insert_bytes(out, d, c, err);
}

int git_delta_apply(GitSpoolWriter *out, const GitObject *base, Reader *in, GitPart *ret, Err *err)
{
    Delta d = {.in = in};
    uint64_t base_size, size;

    TRY(git_spool_flush(out, err)); /* the base may be what was written last */
    TRY(delta_size(&d, &base_size, err));
    TRY(delta_size(&d, &size, err));
    if (base_size != base->size)
        return err_set(err, ERR_FORMAT, "a delta does not fit its base");
    TRY(git_object_begin(out, base->type, size, err));
    *ret = (GitPart){git_spool_end(out), size};
    for (uint64_t left = size, n; left > 0; left -= n)
        TRY(instruction(out, &d, base, left, &n, err));
    TRY(delta_fill(&d, err));
    if (d.at < d.n)
        return err_set(err, ERR_FORMAT, "a delta goes on after its end");
    return 0;
}
