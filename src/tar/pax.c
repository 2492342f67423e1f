/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known keys are one table: where the value goes and what it must look like. What is not in the table is
 * ignored, as POSIX wants it (comment, atime, LIBARCHIVE.xattr.*, hdrcharset, ...), but the syntax of every record
 * is checked to the byte: a length that is off by one makes the rest of the header mean something else.
 */
#include "tar/pax.h"

#include "base/limits.h"
#include "base/num.h"

typedef enum PaxKind {
    KIND_NAME,   /* text without a NUL, at most LIMIT_PATH */
    KIND_TEXT,   /* looked at later                         */
    KIND_SIZE,   /* at most LIMIT_FILE_SIZE                 */
    KIND_COUNT,  /* at most LIMIT_SPARSE_PARTS              */
    KIND_ID,     /* a user or group                         */
    KIND_DEVICE, /* 32 bits                                 */
    KIND_TIME,
} PaxKind;

typedef struct PaxField {
    Str key;
    unsigned bit;
    PaxKind kind;
    size_t at; /* of the member of PaxInfo */
} PaxField;

#define FIELD(key, bit, kind, member)                                  \
    {                                                                  \
        {(key), sizeof(key) - 1}, bit, kind, offsetof(PaxInfo, member) \
    }

static const PaxField fields[] = {
    FIELD("path", PAX_PATH, KIND_NAME, path),
    FIELD("linkpath", PAX_LINK, KIND_NAME, link),
    FIELD("size", PAX_SIZE, KIND_SIZE, size),
    FIELD("uid", PAX_UID, KIND_ID, uid),
    FIELD("gid", PAX_GID, KIND_ID, gid),
    FIELD("mtime", PAX_MTIME, KIND_TIME, mtime_ns),
    FIELD("SCHILY.devmajor", PAX_DEV_MAJOR, KIND_DEVICE, dev_major),
    FIELD("SCHILY.devminor", PAX_DEV_MINOR, KIND_DEVICE, dev_minor),
    FIELD("GNU.sparse.major", PAX_SPARSE_MAJOR, KIND_TEXT, sparse_major),
    FIELD("GNU.sparse.minor", PAX_SPARSE_MINOR, KIND_TEXT, sparse_minor),
    FIELD("GNU.sparse.name", PAX_SPARSE_NAME, KIND_NAME, sparse_name),
    FIELD("GNU.sparse.size", PAX_SPARSE_SIZE, KIND_SIZE, sparse_size),
    FIELD("GNU.sparse.realsize", PAX_SPARSE_REAL_SIZE, KIND_SIZE, sparse_real_size),
    FIELD("GNU.sparse.numblocks", PAX_SPARSE_BLOCKS, KIND_COUNT, sparse_blocks),
    FIELD("GNU.sparse.map", PAX_SPARSE_MAP, KIND_TEXT, sparse_map),
    FIELD("SUN.holesdata", PAX_FOREIGN_HOLES, KIND_TEXT, foreign_holes),
};

#define KEY_XATTR      S("SCHILY.xattr.")
#define KEY_RUN_OFFSET S("GNU.sparse.offset")
#define KEY_RUN_LENGTH S("GNU.sparse.numbytes")

static const unsigned GLOBAL_FIELDS = PAX_UID | PAX_GID | PAX_MTIME;

typedef struct PaxRecord {
    Str key, value;
} PaxRecord;

void pax_done(PaxInfo *p)
{
    vec_done(&p->runs);
    vec_done(&p->xattrs);
    *p = (PaxInfo){0};
}

void pax_reset(PaxInfo *p)
{
    PaxInfo fresh = {.runs = p->runs, .xattrs = p->xattrs};

    fresh.runs.n = 0;
    fresh.xattrs.n = 0;
    *p = fresh;
}

/* Take one record off *rest, which is not empty. The length counts everything: itself, space, newline. */
static int record_next(Str *rest, PaxRecord *ret, Err *err)
{
    Str length, tail, body;
    PaxRecord r;
    uint64_t n;

    if (!str_cut(*rest, ' ', &length, &tail) || !num_parse_u64(length, rest->n, &n) ||
        n <= length.n + 1)
        return err_set(err, ERR_FORMAT, "PAX record without a valid length");
    body = str_head(tail, (size_t)n - length.n - 1);
    if (body.p[body.n - 1] != '\n')
        return err_set(err, ERR_FORMAT, "PAX record does not end where its length says");
    body.n--;
    if (!str_cut(body, '=', &r.key, &r.value) || r.key.n == 0)
        return err_set(err, ERR_FORMAT, "PAX record without a key");
    if (memchr(r.key.p, '\0', r.key.n))
        return err_set(err, ERR_FORMAT, "NUL in the key of a PAX record");
    *rest = str_skip(*rest, (size_t)n);
    *ret = r;
    return 0;
}

static int bad_value(const PaxRecord *r, Err *err)
{
    Str shown = r->value.n > 64 ? str_head(r->value, 64) : r->value;

    return err_set(err, ERR_FORMAT, "PAX " STR_FMT " is not valid: \"" STR_FMT "\"",
                   STR_ARG(r->key), STR_ARG(shown));
}

static int too_large(const PaxRecord *r, uint64_t max, Err *err)
{
    return err_set(err, ERR_LIMIT, "PAX " STR_FMT " is larger than %llu", STR_ARG(r->key),
                   (unsigned long long)max);
}

static bool take_minus(Str *s)
{
    if (s->n == 0 || s->p[0] != '-')
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool parse_id(Str s, uint64_t *ret)
{
    bool negative = take_minus(&s);
    uint64_t v;

    return num_parse_u64(s, INT64_MAX, &v) && tar_id(negative ? -(int64_t)v : (int64_t)v, ret);
}

/* "-1.5" is one and a half seconds before the epoch; digits beyond the ninth are dropped. */
static bool parse_time(Str s, int64_t *ret)
{
    bool negative = take_minus(&s);
    Str whole = s, fraction = {NULL, 0};
    uint64_t seconds, ns = 0;

    (void)str_cut(s, '.', &whole, &fraction);
    if (!num_parse_u64(whole, INT64_MAX, &seconds))
        return false;
    for (size_t i = 0; i < fraction.n; i++)
        if (fraction.p[i] < '0' || fraction.p[i] > '9')
            return false;
    for (size_t i = 0; i < 9; i++)
        ns = ns * 10 + (i < fraction.n ? (uint64_t)(fraction.p[i] - '0') : 0);
    *ret = negative ? tar_time_ns(-(int64_t)seconds, -(int64_t)ns)
                    : tar_time_ns((int64_t)seconds, (int64_t)ns);
    return true;
}

static int parse_name(const PaxRecord *r, Str *ret, Err *err)
{
    if (memchr(r->value.p, '\0', r->value.n))
        return err_set(err, ERR_FORMAT, "NUL in PAX " STR_FMT, STR_ARG(r->key));
    if (r->value.n > LIMIT_PATH)
        return too_large(r, LIMIT_PATH, err);
    *ret = r->value;
    return 0;
}

static int parse_bounded(const PaxRecord *r, uint64_t max, uint64_t *ret, Err *err)
{
    uint64_t v;

    if (!num_parse_u64(r->value, UINT64_MAX, &v))
        return bad_value(r, err);
    if (v > max)
        return too_large(r, max, err);
    *ret = v;
    return 0;
}

static int parse_field(const PaxField *f, const PaxRecord *r, PaxInfo *p, Err *err)
{
    void *to = (char *)p + f->at;

    switch (f->kind) {
    case KIND_NAME: return parse_name(r, to, err);
    case KIND_TEXT: *(Str *)to = r->value; return 0;
    case KIND_SIZE: return parse_bounded(r, LIMIT_FILE_SIZE, to, err);
    case KIND_COUNT: return parse_bounded(r, LIMIT_SPARSE_PARTS, to, err);
    case KIND_ID: return parse_id(r->value, to) ? 0 : bad_value(r, err);
    case KIND_DEVICE: return num_parse_u32(r->value, to) ? 0 : bad_value(r, err);
    case KIND_TIME: return parse_time(r->value, to) ? 0 : bad_value(r, err);
    }
    return 0;
}

static const PaxField *find_field(Str key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq(fields[i].key, key))
            return &fields[i];
    return NULL;
}

static int add_xattr(PaxInfo *p, const PaxRecord *r, Err *err)
{
    Xattr x = {.name = str_skip(r->key, KEY_XATTR.n), .value = r->value};

    if (x.name.n == 0)
        return err_set(err, ERR_FORMAT, "xattr without a name");
    if (x.name.n > LIMIT_NAME)
        return err_set(err, ERR_LIMIT, "name of an xattr is longer than %u bytes", LIMIT_NAME);
    if (x.value.n > LIMIT_XATTR_VALUE)
        return err_set(err, ERR_LIMIT, "xattr " STR_FMT " is larger than %zu bytes",
                       STR_ARG(x.name), LIMIT_XATTR_VALUE);
    vec_push(&p->xattrs, x);
    return 0;
}

/* Sparse 0.0: pairs of records with the same two keys again and again, offset first. */
static int add_run_half(PaxInfo *p, const PaxRecord *r, bool is_length, Err *err)
{
    uint64_t v;

    if (is_length != (bool)(p->has & PAX_SPARSE_RUNS && p->runs.v[p->runs.n - 1].n == UINT64_MAX))
        return err_set(err, ERR_FORMAT, "PAX " STR_FMT " is out of order", STR_ARG(r->key));
    TRY(parse_bounded(r, LIMIT_FILE_SIZE, &v, err));
    if (is_length) {
        p->runs.v[p->runs.n - 1].n = v;
        return 0;
    }
    p->has |= PAX_SPARSE_RUNS;
    return sparse_add(&p->runs, v, UINT64_MAX, err); /* until its length comes */
}

static int apply_record(PaxInfo *p, const PaxRecord *r, Err *err)
{
    const PaxField *f = find_field(r->key);

    if (f) {
        p->has &= ~f->bit;
        p->cleared |= f->bit;
        if (r->value.n == 0)
            return 0;
        TRY(parse_field(f, r, p, err));
        p->has |= f->bit;
        p->cleared &= ~f->bit;
        return 0;
    }
    if (str_starts(r->key, KEY_XATTR))
        return add_xattr(p, r, err);
    if (str_eq(r->key, KEY_RUN_OFFSET) || str_eq(r->key, KEY_RUN_LENGTH))
        return add_run_half(p, r, str_eq(r->key, KEY_RUN_LENGTH), err);
    return 0;
}

static int check_xattr_total(const PaxInfo *p, Err *err)
{
    size_t total = 0; /* the text is at most LIMIT_PAX_HEADER: no overflow */

    vec_foreach(x, &p->xattrs)
        total += x->name.n + x->value.n;
    if (total > LIMIT_XATTR_TOTAL)
        return err_set(err, ERR_LIMIT, "xattrs are larger than %zu bytes together",
                       LIMIT_XATTR_TOTAL);
    return 0;
}

int pax_parse(Str text, PaxInfo *ret, Err *err)
{
    PaxRecord r;

    pax_reset(ret);
    while (text.n > 0) {
        TRY(record_next(&text, &r, err));
        TRY(apply_record(ret, &r, err));
    }
    if (ret->runs.n > 0 && ret->runs.v[ret->runs.n - 1].n == UINT64_MAX)
        return err_set(err, ERR_FORMAT, "the last run of a sparse file has no length");
    return check_xattr_total(ret, err);
}

int pax_parse_defaults(Str text, PaxInfo *defaults, Err *err)
{
    PaxRecord r;

    while (text.n > 0) {
        const PaxField *f;

        TRY(record_next(&text, &r, err));
        f = find_field(r.key);
        if (f ? !(f->bit & GLOBAL_FIELDS) : str_starts(r.key, S("GNU.sparse.")))
            return err_set(err, ERR_FORMAT, "PAX global header with a " STR_FMT, STR_ARG(r.key));
        if (f)
            TRY(apply_record(defaults, &r, err));
    }
    return 0;
}

void pax_apply_defaults(PaxInfo *p, const PaxInfo *defaults)
{
    unsigned take = defaults->has & ~(p->has | p->cleared);

    if (take & PAX_UID)
        p->uid = defaults->uid;
    if (take & PAX_GID)
        p->gid = defaults->gid;
    if (take & PAX_MTIME)
        p->mtime_ns = defaults->mtime_ns;
    p->has |= take;
}

/* By name; what came first in the text first. */
static int compare_xattrs(const void *a, const void *b)
{
    const Xattr *x = a, *y = b;
    int d = str_cmp(x->name, y->name);

    return d ? d : (x->name.p > y->name.p) - (x->name.p < y->name.p);
}

Xattrs *pax_xattrs(PaxInfo *p)
{
    Xattr *v = p->xattrs.v;
    size_t n = 0;

    if (p->xattrs.n > 1)
        qsort(v, p->xattrs.n, sizeof(*v), compare_xattrs);
    for (size_t i = 0; i < p->xattrs.n; i++) {
        if (n > 0 && str_eq(v[n - 1].name, v[i].name))
            n--;
        v[n++] = v[i];
    }
    return xattrs_new(v, n);
}

static size_t decimal_digits(size_t v)
{
    size_t n = 1;

    for (; v >= 10; v /= 10)
        n++;
    return n;
}

void pax_add(Buf *to, Str key, Str key_rest, Str value)
{
    size_t rest = key.n + key_rest.n + value.n + 3; /* ' ' '=' '\n' */
    size_t n = rest + decimal_digits(rest);

    n = rest + decimal_digits(n); /* its own digits may have made it one longer */
    buf_addf(to, "%zu ", n);
    buf_add(to, key);
    buf_add(to, key_rest);
    buf_add_char(to, '=');
    buf_add(to, value);
    buf_add_char(to, '\n');
}

void pax_add_u64(Buf *to, Str key, uint64_t v)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%llu", (unsigned long long)v);
    pax_add(to, key, S(""), buf_str(&text));
}

void pax_add_time(Buf *to, Str key, int64_t ns)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    uint64_t abs_ns = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    uint64_t fraction = abs_ns % 1000000000;
    size_t n;

    buf_addf(&text, "%s%llu", ns < 0 ? "-" : "", (unsigned long long)(abs_ns / 1000000000));
    if (fraction) {
        buf_addf(&text, ".%09llu", (unsigned long long)fraction);
        for (n = text.n; text.p[n - 1] == '0'; n--)
            ;
        buf_truncate(&text, n);
    }
    pax_add(to, key, S(""), buf_str(&text));
}
