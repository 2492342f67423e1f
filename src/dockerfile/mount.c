/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a CSV record, each KEY[=VALUE]; a const table says what each key does. Keys are handled in the order of the
 * text, because "required" and "size" ask for the type, which therefore has to come before them.
 */
#include "dockerfile/mount.h"

#include "base/limits.h"
#include "base/num.h"
#include "dockerfile/text.h"

static const char *const type_names[MOUNT_TYPE_COUNT] = {"bind", "cache", "tmpfs", "secret", "ssh"};
static const char *const sharing_names[MOUNT_SHARING_COUNT] = {"shared", "private", "locked"};

const char *mount_type_name(MountType t)
{
    return type_names[t];
}

typedef struct MountReader {
    Arena *arena;
    const Expander *x;
    RunMount mount;
    bool says_read_only; /* ro or rw was given */
    Str field, key, value;
} MountReader;

/* --- CSV --- */

static int bad_quotes(Err *err)
{
    return err_set(err, ERR_SYNTAX,
                   "failed to parse csv mounts: extraneous or missing \" in field");
}

/* A quoted field, after its first quote; "" inside stands for one quote. */
static int take_quoted(Arena *a, Str *rest, Str *ret, Err *err)
{
    char *to = arena_new_n(a, char, rest->n + 1);
    Str s = *rest;
    size_t n = 0;

    for (;; s = str_skip(s, 1)) {
        if (s.n == 0)
            return bad_quotes(err);
        if (s.p[0] == '"') {
            s = str_skip(s, 1);
            if (s.n == 0 || s.p[0] != '"')
                break;
        }
        to[n++] = s.p[0];
    }
    if (s.n && s.p[0] != ',')
        return bad_quotes(err);
    *ret = (Str){to, n};
    *rest = s.n ? str_skip(s, 1) : (Str){NULL, 0};
    return 0;
}

static int take_field(Arena *a, Str *rest, Str *ret, Err *err)
{
    if (str_starts(*rest, S("\""))) {
        *rest = str_skip(*rest, 1);
        return take_quoted(a, rest, ret, err);
    }
    (void)str_next(rest, ',', ret);
    if (ret->n && memchr(ret->p, '"', ret->n))
        return err_set(err, ERR_SYNTAX, "failed to parse csv mounts: bare \" in non-quoted field");
    return 0;
}

/* --- values --- */

static int unexpected_for_type(const MountReader *m, Err *err)
{
    return err_set(err, ERR_SYNTAX, "unexpected key '" STR_FMT "' for mount type '%s'",
                   STR_ARG(m->key), type_names[m->mount.type]);
}

static int invalid_value(const MountReader *m, Err *err)
{
    return err_set(err, ERR_SYNTAX, "invalid value for " STR_FMT ": " STR_FMT, STR_ARG(m->key),
                   STR_ARG(text_clip(m->arena, m->value)));
}

/* The index of the value in 'names', in any case; -1 with `unsupported WHAT "X"`. */
static int read_name(const MountReader *m, const char *what, const char *const *names, size_t n,
                     Err *err)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(m->value, str_from(names[i])))
            return (int)i;
    return err_set(err, ERR_SYNTAX, "unsupported %s " STR_FMT STR_FMT, what,
                   STR_ARG(text_quote(m->arena, m->value)),
                   STR_ARG(text_suggest(m->arena, m->value, names, n, false)));
}

static int read_type(MountReader *m, Err *err)
{
    int found = read_name(m, "mount type", type_names, MOUNT_TYPE_COUNT, err);

    TRY(found);
    m->mount.type = (MountType)found;
    return 0;
}

static int read_sharing(MountReader *m, Err *err)
{
    int found = read_name(m, "sharing value", sharing_names, MOUNT_SHARING_COUNT, err);

    TRY(found);
    m->mount.sharing = (MountSharing)found;
    m->mount.has_sharing = true;
    return 0;
}

static int read_from(MountReader *m, Err *err)
{
    (void)err;
    m->mount.from = m->value;
    return 0;
}

static int read_source(MountReader *m, Err *err)
{
    (void)err;
    m->mount.source = m->value;
    return 0;
}

static int read_target(MountReader *m, Err *err)
{
    (void)err;
    m->mount.target = m->value;
    return 0;
}

static int read_id(MountReader *m, Err *err)
{
    (void)err;
    m->mount.id = m->value;
    return 0;
}

static int read_env(MountReader *m, Err *err)
{
    (void)err;
    m->mount.env = m->value;
    m->mount.has_env = true;
    return 0;
}

static int read_bool(const MountReader *m, bool *ret, Err *err)
{
    return num_parse_bool(m->value, ret) ? 0 : invalid_value(m, err);
}

static int read_read_only(MountReader *m, Err *err)
{
    m->says_read_only = true;
    return read_bool(m, &m->mount.read_only, err);
}

static int read_read_write(MountReader *m, Err *err)
{
    bool on;

    TRY(read_bool(m, &on, err));
    m->says_read_only = true;
    m->mount.read_only = !on;
    return 0;
}

static int read_required(MountReader *m, Err *err)
{
    if (m->mount.type != MOUNT_TYPE_SECRET && m->mount.type != MOUNT_TYPE_SSH)
        return unexpected_for_type(m, err);
    return read_bool(m, &m->mount.required, err);
}

static int read_number(const MountReader *m, bool octal, uint32_t *ret, Err *err)
{
    uint64_t n;

    if (!(octal ? num_parse_octal : num_parse_u64)(m->value, UINT32_MAX, &n))
        return err_set(err, ERR_SYNTAX, "invalid value " STR_FMT " for " STR_FMT,
                       STR_ARG(text_clip(m->arena, m->value)), STR_ARG(m->key));
    *ret = (uint32_t)n;
    return 0;
}

static int read_mode(MountReader *m, Err *err)
{
    m->mount.has_mode = true;
    return read_number(m, true, &m->mount.mode, err);
}

static int read_uid(MountReader *m, Err *err)
{
    m->mount.has_uid = true;
    return read_number(m, false, &m->mount.uid, err);
}

static int read_gid(MountReader *m, Err *err)
{
    m->mount.has_gid = true;
    return read_number(m, false, &m->mount.gid, err);
}

/* --- sizes: "64", "64k", "1.5g", "128mb", "1GiB"; powers of 1024 --- */

static unsigned unit_shift(Str unit, bool *ret_known)
{
    static const char letters[] = "bkmgtp";
    char c = unit.n ? (char)(unit.p[0] | 0x20) : 'b';
    const char *at = strchr(letters, c);
    Str rest = unit.n ? str_skip(unit, 1) : unit;

    *ret_known = at && c &&
                 (rest.n == 0 ||
                  (c != 'b' && (str_eq_nocase(rest, S("b")) || str_eq_nocase(rest, S("ib")))));
    return *ret_known ? (unsigned)(at - letters) * 10 : 0;
}

static bool parse_size(Str s, uint64_t *ret)
{
    uint64_t whole, fraction = 0, scale = 1;
    size_t n = 0, dot;
    unsigned shift;
    bool known;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    if (!num_parse_u64(str_head(s, n), INT64_MAX, &whole))
        return false;
    if (n < s.n && s.p[n] == '.') {
        for (dot = ++n; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++) {
            if (n - dot < 4) { /* finer than anybody means it, and no shift below overflows */
                fraction = fraction * 10 + (uint64_t)(s.p[n] - '0');
                scale *= 10;
            }
        }
    }
    shift = unit_shift(str_trim(str_skip(s, n)), &known);
    if (!known || whole > (uint64_t)INT64_MAX >> shift)
        return false;
    *ret = (whole << shift) + (fraction << shift) / scale;
    return *ret <= INT64_MAX;
}

static int read_size(MountReader *m, Err *err)
{
    if (m->mount.type != MOUNT_TYPE_TMPFS)
        return unexpected_for_type(m, err);
    return parse_size(m->value, &m->mount.size_bytes) ? 0 : invalid_value(m, err);
}

/* --- keys --- */

static const struct {
    const char *name;
    int (*read)(MountReader *m, Err *err);
    bool alone; /* may stand without a value, which then is "true" */
} keys[] = {
    {"type", read_type, false},
    {"from", read_from, false},
    {"source", read_source, false},
    {"src", read_source, false},
    {"target", read_target, false},
    {"dst", read_target, false},
    {"destination", read_target, false},
    {"readonly", read_read_only, true},
    {"ro", read_read_only, true},
    {"readwrite", read_read_write, true},
    {"rw", read_read_write, true},
    {"required", read_required, true},
    {"size", read_size, false},
    {"id", read_id, false},
    {"sharing", read_sharing, false},
    {"mode", read_mode, false},
    {"uid", read_uid, false},
    {"gid", read_gid, false},
    {"env", read_env, false},
};

static int unknown_key(const MountReader *m, Err *err)
{
    const char *names[ARRAY_LEN(keys)];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        names[i] = keys[i].name;
    return err_set(err, ERR_SYNTAX, "unexpected key '" STR_FMT "' in '" STR_FMT "'" STR_FMT,
                   STR_ARG(text_clip(m->arena, m->key)), STR_ARG(text_clip(m->arena, m->field)),
                   STR_ARG(text_suggest(m->arena, m->key, names, ARRAY_LEN(names), false)));
}

static int expand_value(MountReader *m, Err *err)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_EXPANSION);

    TRY(expand_word(m->x, m->value, &out, err));
    m->value = str_dup_in(m->arena, buf_str(&out));
    return 0;
}

/* A '$' at the very end is no variable. */
static int check_from(const MountReader *m, Err *err)
{
    const char *dollar = m->value.n ? memchr(m->value.p, '$', m->value.n) : NULL;

    if (dollar && dollar != m->value.p + m->value.n - 1)
        return err_set(err, ERR_SYNTAX,
                       "'from' doesn't support variable expansion, define alias stage instead");
    return 0;
}

static int read_key(MountReader *m, bool has_value, Err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!str_eq(m->key, str_from(keys[i].name)))
            continue;
        if (!has_value && !keys[i].alone)
            break;
        if (!has_value)
            m->value = S("true");
        return keys[i].read(m, err);
    }
    if (has_value)
        return unknown_key(m, err);
    return err_set(err, ERR_SYNTAX, "invalid field '" STR_FMT "' must be a key=value pair",
                   STR_ARG(text_clip(m->arena, m->field)));
}

static bool is_target(Str key)
{
    return str_eq(key, S("target")) || str_eq(key, S("dst")) || str_eq(key, S("destination"));
}

static int read_field(MountReader *m, Err *err)
{
    bool has_value = str_cut(m->field, '=', &m->key, &m->value), from;

    if (!has_value)
        m->key = m->field;
    m->key = str_lower_in(m->arena, m->key);
    from = str_eq(m->key, S("from"));
    if (!m->x && has_value && is_target(m->key))
        m->mount.target = m->value;
    if (!m->x && !(from && has_value))
        return 0;
    if (from && has_value)
        TRY(check_from(m, err));
    else if (has_value)
        TRY(expand_value(m, err));
    return read_key(m, has_value, err);
}

/* --- what goes together --- */

static int not_allowed(const RunMount *m, const char *what, Err *err)
{
    return err_set(err, ERR_SYNTAX, "%s not allowed for \"%s\" type mounts", what,
                   type_names[m->type]);
}

static int check_owner(const RunMount *m, Err *err)
{
    if (m->type != MOUNT_TYPE_BIND && m->type != MOUNT_TYPE_TMPFS)
        return 0;
    if (m->has_mode)
        return not_allowed(m, "mode", err);
    if (m->has_uid)
        return not_allowed(m, "uid", err);
    return m->has_gid ? not_allowed(m, "gid", err) : 0;
}

static int check_secret(const RunMount *m, Err *err)
{
    if (m->from.n)
        return err_set(err, ERR_SYNTAX, "secret mount should not have a from");
    if (m->has_sharing)
        return err_set(err, ERR_SYNTAX, "secret mount should not define sharing");
    if (m->source.n == 0 && m->target.n == 0 && m->id.n == 0)
        return err_set(err, ERR_SYNTAX, "invalid secret mount. one of source, target required");
    if (m->source.n && m->id.n)
        return err_set(err, ERR_SYNTAX, "both source and id can't be set");
    return 0;
}

static int check_mount(const RunMount *m, Err *err)
{
    TRY(check_owner(m, err));
    if (m->type == MOUNT_TYPE_SECRET)
        TRY(check_secret(m, err));
    if (m->type == MOUNT_TYPE_SSH && m->source.n)
        return err_set(err, ERR_SYNTAX, "ssh does not support source");
    if (m->has_sharing && m->type != MOUNT_TYPE_CACHE)
        return err_set(err, ERR_SYNTAX, "invalid cache sharing set for %s mount",
                       type_names[m->type]);
    return 0;
}

int mount_parse(Arena *a, Str text, const Expander *x, RunMount *ret, Err *err)
{
    MountReader m = {
        .arena = a,
        .x = x,
        .mount = {.from = S(""), .source = S(""), .target = S(""), .id = S(""), .env = S("")}};

    for (Str rest = text; rest.p && text.n;) {
        TRY(take_field(a, &rest, &m.field, err));
        TRY(read_field(&m, err));
    }
    if (!m.says_read_only)
        m.mount.read_only = m.mount.type != MOUNT_TYPE_CACHE && m.mount.type != MOUNT_TYPE_TMPFS;
    if (x)
        TRY(check_mount(&m.mount, err));
    *ret = m.mount;
    return 0;
}
