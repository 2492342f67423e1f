/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fifty years of programs have written these fields, so numbers are taken as leniently as is safe: leading
 * spaces and NULs, a space or a NUL behind, or nothing at all for zero. Anything else that is not a digit makes
 * the header invalid; a wrong guess here would be a wrong owner or a wrong end of the file.
 */
#include "tar/header.h"

#include "base/limits.h"

enum {
    SUM_SPACES = 8 * ' ' /* the checksum counts its own field as spaces */
};

bool tar_block_empty(const TarBlock *b)
{
    static const char zero[TAR_BLOCK];
    const char *p = (const char *)b;

    return p[0] == '\0' && memcmp(p, zero, sizeof(zero)) == 0;
}

static unsigned sum_unsigned(const TarBlock *b)
{
    const unsigned char *p = (const unsigned char *)b;
    unsigned sum = 0;

    for (size_t i = 0; i < sizeof(*b); i++)
        sum += p[i];
    for (size_t i = 0; i < sizeof(b->sum); i++)
        sum -= (unsigned char)b->sum[i];
    return sum + SUM_SPACES;
}

static int sum_signed(const TarBlock *b)
{
    const signed char *p = (const signed char *)b;
    int sum = 0;

    for (size_t i = 0; i < sizeof(*b); i++)
        sum += p[i];
    for (size_t i = 0; i < sizeof(b->sum); i++)
        sum -= (signed char)b->sum[i];
    return sum + SUM_SPACES;
}

bool tar_block_valid(const TarBlock *b)
{
    int64_t want;

    if (!tar_number(b->sum, sizeof(b->sum), &want))
        return false;
    return want == sum_unsigned(b) || want == sum_signed(b);
}

void tar_block_seal(TarBlock *b)
{
    /* Six digits, NUL, space: the one field that is ended by both. The sum is below 8^6. */
    bool fits = tar_number_put(b->sum, sizeof(b->sum) - 1, sum_unsigned(b));

    (void)fits;
    b->sum[7] = ' ';
}

TarDialect tar_block_dialect(const TarBlock *b)
{
    if (memcmp(b->magic, "ustar ", 6) == 0 && memcmp(b->version, " ", 2) == 0)
        return TAR_GNU;
    if (memcmp(b->magic, "ustar", 6) != 0)
        return TAR_V7;
    return memcmp(b->tail.bytes + 163, "tar", 4) == 0 ? TAR_STAR : TAR_USTAR;
}

Str tar_field(const char *p, size_t n)
{
    return (Str){p, strnlen(p, n)};
}

/*
 * Two's complement, big-endian, with the top bit of the field used up as the mark. A negative number is the
 * complement of a positive one, so both are the same loop.
 */
static bool base256(const char *p, size_t n, int64_t *ret)
{
    unsigned char flip = p[0] & 0x40 ? 0xff : 0;
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i] ^ flip;

        if (i == 0)
            c &= 0x7f;
        if (v >> 55)
            return false;
        v = v << 8 | c;
    }
    *ret = flip ? ~(int64_t)v : (int64_t)v;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\0';
}

bool tar_number(const char *p, size_t n, int64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;

    if (p[0] & 0x80)
        return base256(p, n, ret);
    while (i < n && is_blank(p[i]))
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0'); /* 12 digits at most: 36 bits */
    if (i < n && !is_blank(p[i]))
        return false;
    *ret = (int64_t)v;
    return true;
}

bool tar_number_put(char *p, size_t n, uint64_t v)
{
    bool fits = v >> (3 * (n - 1)) == 0; /* n is at most 12 */

    p[n - 1] = '\0';
    for (size_t i = n - 1; i-- > 0; v >>= 3)
        p[i] = (char)('0' + (fits ? v & 7 : 0));
    return fits;
}

#define NUMBER(b, field, ret, err) number((b)->field, sizeof((b)->field), #field, (ret), (err))

static int number(const char *p, size_t n, const char *what, int64_t *ret, Err *err)
{
    if (!tar_number(p, n, ret))
        return err_set(err, ERR_FORMAT, "header field %s is not a number", what);
    return 0;
}

int tar_block_size(const TarBlock *b, uint64_t *ret, Err *err)
{
    int64_t v;

    TRY(NUMBER(b, size, &v, err));
    if (v < 0)
        return err_set(err, ERR_FORMAT, "negative size");
    if ((uint64_t)v > LIMIT_FILE_SIZE)
        return err_set(err, ERR_LIMIT, "size is larger than %llu bytes",
                       (unsigned long long)LIMIT_FILE_SIZE);
    *ret = (uint64_t)v;
    return 0;
}

bool tar_id(int64_t v, uint64_t *ret)
{
    if (v < INT32_MIN)
        return false;
    *ret = v < 0 ? (uint32_t)v : (uint64_t)v;
    return true;
}

int64_t tar_time_ns(int64_t seconds, int64_t ns)
{
    int64_t v;

    if (__builtin_mul_overflow(seconds, 1000000000, &v) || __builtin_add_overflow(v, ns, &v))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return v;
}

static int decode_owner(const TarBlock *b, TarHead *h, Err *err)
{
    int64_t mode, uid, gid;

    TRY(NUMBER(b, mode, &mode, err));
    TRY(NUMBER(b, uid, &uid, err));
    TRY(NUMBER(b, gid, &gid, err));
    if (mode < 0 || !tar_id(uid, &h->uid) || !tar_id(gid, &h->gid))
        return err_set(err, ERR_FORMAT, "mode, uid or gid is out of range");
    h->mode = (uint32_t)(mode & 07777); /* some writers put the type in, too */
    return 0;
}

static int decode_device(const TarBlock *b, TarHead *h, Err *err)
{
    int64_t major, minor;

    TRY(NUMBER(b, major, &major, err));
    TRY(NUMBER(b, minor, &minor, err));
    if (major < 0 || minor < 0 || major > UINT32_MAX || minor > UINT32_MAX)
        return err_set(err, ERR_FORMAT, "device number is out of range");
    h->dev_major = (uint32_t)major;
    h->dev_minor = (uint32_t)minor;
    return 0;
}

/*
 * GNU headers have times where ustar has the prefix. Go before 1.8 wrote both the GNU magic and a prefix when a
 * number needed base-256; those layers are still around, and what cannot be a time gives them away.
 */
static Str gnu_prefix(const TarBlock *b)
{
    int64_t t;
    Str s = tar_field(b->tail.prefix, sizeof(b->tail.prefix));

    if (tar_number(b->tail.gnu.atime, sizeof(b->tail.gnu.atime), &t) &&
        tar_number(b->tail.gnu.ctime, sizeof(b->tail.gnu.ctime), &t))
        return (Str){NULL, 0};
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] & 0x80)
            return (Str){NULL, 0};
    return s;
}

static Str decode_prefix(const TarBlock *b, TarDialect dialect)
{
    switch (dialect) {
    case TAR_V7: break;
    case TAR_USTAR: return tar_field(b->tail.prefix, sizeof(b->tail.prefix));
    case TAR_STAR: return tar_field(b->tail.star.prefix, sizeof(b->tail.star.prefix));
    case TAR_GNU: return gnu_prefix(b);
    }
    return (Str){NULL, 0};
}

int tar_block_decode(const TarBlock *b, TarHead *ret, Err *err)
{
    TarHead h = {.dialect = tar_block_dialect(b)};
    int64_t mtime;

    h.prefix = decode_prefix(b, h.dialect);
    h.name = tar_field(b->name, sizeof(b->name));
    h.link = tar_field(b->link, sizeof(b->link));
    TRY(decode_owner(b, &h, err));
    TRY(tar_block_size(b, &h.size, err));
    TRY(NUMBER(b, mtime, &mtime, err));
    h.mtime_ns = tar_time_ns(mtime, 0);
    if (b->flag == '3' || b->flag == '4')
        TRY(decode_device(b, &h, err));
    *ret = h;
    return 0;
}
