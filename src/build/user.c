/* SPDX-License-Identifier: Apache-2.0 */
#include "build/user.h"

#include "base/limits.h"
#include "base/num.h"

typedef struct Accounts {
    Buf passwd, group; /* "" when the image has none */
} Accounts;

static int read_accounts(Rootfs *r, Accounts *ret, Err *err)
{
    bool found;

    *ret = (Accounts){BUF_INIT(LIMIT_PASSWD), BUF_INIT(LIMIT_PASSWD)};
    TRY(rootfs_read(r, S("etc/passwd"), &ret->passwd, &found, err));
    return rootfs_read(r, S("etc/group"), &ret->group, &found, err);
}

static void accounts_done(Accounts *a)
{
    buf_done(&a->passwd);
    buf_done(&a->group);
}

/* name:password:uid:gid:gecos:home:shell, or name:password:gid:members */
enum {
    FIELDS_MAX = 7
};

static size_t split_fields(Str line, Str f[FIELDS_MAX])
{
    size_t n = 0;

    for (Str rest = line; n < FIELDS_MAX && str_next(&rest, ':', &f[n]); n++)
        ;
    return n;
}

/* The line whose name is 'key', or whose number is it. */
static bool find_account(const Buf *file, Str key, Str f[FIELDS_MAX], size_t min_fields)
{
    uint32_t number, have;
    bool numeric = num_parse_u32(key, &number);

    for (Str rest = buf_str(file), line; str_next(&rest, '\n', &line);) {
        if (split_fields(line, f) < min_fields)
            continue;
        if (str_eq(f[0], key) || (numeric && num_parse_u32(f[2], &have) && have == number))
            return true;
    }
    return false;
}

static bool is_member(Str members, Str name)
{
    for (Str rest = members, m; str_next(&rest, ',', &m);)
        if (str_eq(str_trim(m), name))
            return true;
    return false;
}

static void add_groups(const Accounts *acc, Str name, User *ret)
{
    Str f[FIELDS_MAX];

    for (Str rest = buf_str(&acc->group), line; str_next(&rest, '\n', &line);) {
        uint32_t gid;

        if (split_fields(line, f) >= 4 && is_member(f[3], name) && num_parse_u32(f[2], &gid))
            vec_push(&ret->groups, gid);
    }
}

static int find_group(const Accounts *acc, Str group, uint32_t *ret, Err *err)
{
    Str f[FIELDS_MAX];

    if (find_account(&acc->group, group, f, 3) && num_parse_u32(f[2], ret))
        return 0;
    if (num_parse_u32(group, ret))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "unable to find group " STR_FMT
                   ": no matching entries in the image's /etc/group",
                   STR_ARG(group));
}

static int resolve_user(const Accounts *acc, Str spec, User *ret, Err *err)
{
    Str f[FIELDS_MAX], user = spec, group = {0};
    bool with_group = str_cut(spec, ':', &user, &group), found;

    if (user.n == 0)
        user = S("0");
    *ret = (User){.home = S("/")};
    found = find_account(&acc->passwd, user, f, 4);
    if (!found && !num_parse_u32(user, &ret->uid) && !str_eq(user, S("root")))
        return err_set(err, ERR_NOT_FOUND,
                       "unable to find user " STR_FMT
                       ": no matching entries in the image's /etc/passwd",
                       STR_ARG(user));
    if (found) {
        if (!num_parse_u32(f[2], &ret->uid) || !num_parse_u32(f[3], &ret->gid))
            return err_set(err, ERR_FORMAT, "/etc/passwd has a bad line for " STR_FMT,
                           STR_ARG(user));
        if (!with_group)
            add_groups(acc, f[0], ret);
    } else if (ret->uid == 0) {
        ret->home = S("/root");
    }
    return with_group && group.n ? find_group(acc, group, &ret->gid, err) : 0;
}

/*
 * The user's own group is one of the supplementary ones too: else a file that denies it something
 * (mode 0604) could be read after dropping the primary group (CVE-2022-36109).
 */
static void add_own_group(User *u)
{
    vec_foreach(g, &u->groups)
        if (*g == u->gid)
            return;
    vec_push(&u->groups, u->gid);
}

static void find_home(const Accounts *acc, Arena *a, User *u)
{
    Str f[FIELDS_MAX], key = str_fmt_in(a, "%u", u->uid);

    if (find_account(&acc->passwd, key, f, 6) && f[5].n)
        u->home = str_dup_in(a, f[5]);
}

int user_for_run(Rootfs *r, Arena *a, Str spec, User *ret, Err *err)
{
    Accounts acc;
    int rc = read_accounts(r, &acc, err);

    if (rc == 0)
        rc = resolve_user(&acc, spec, ret, err);
    if (rc == 0) {
        find_home(&acc, a, ret);
        add_own_group(ret);
    }
    accounts_done(&acc);
    return rc;
}

void user_done(User *u)
{
    vec_done(&u->groups);
}

static bool chown_user(const Accounts *acc, Str user, uint32_t *ret_uid, uint32_t *ret_gid)
{
    Str f[FIELDS_MAX];

    if (num_parse_u32(user, ret_uid)) {
        *ret_gid = *ret_uid;
        return true;
    }
    *ret_uid = *ret_gid = 0;
    return str_eq(user, S("root")) ||
           (find_account(&acc->passwd, user, f, 4) && num_parse_u32(f[2], ret_uid) &&
            num_parse_u32(f[3], ret_gid));
}

static bool chown_group(const Accounts *acc, Str group, uint32_t *ret)
{
    Err unknown;

    *ret = 0;
    return str_eq(group, S("root")) || find_group(acc, group, ret, &unknown) == 0;
}

static bool is_numeric(Str name)
{
    uint32_t number;

    return num_parse_u32(name, &number) || str_eq(name, S("root"));
}

bool user_is_numeric(Str spec)
{
    Str user = spec, group = {0};

    (void)str_cut(spec, ':', &user, &group);
    return is_numeric(user) && (group.n == 0 || is_numeric(group));
}

int user_for_chown(Rootfs *r, Str spec, uint32_t *ret_uid, uint32_t *ret_gid, Err *err)
{
    uint32_t uid = 0, gid = 0;
    Str user = spec, group = {0};
    bool known;
    Accounts acc = {BUF_INIT(LIMIT_PASSWD), BUF_INIT(LIMIT_PASSWD)};
    int rc = 0;

    (void)str_cut(spec, ':', &user, &group);
    /* Numbers need no files, so no layer is looked into for them. */
    if (!user_is_numeric(spec))
        rc = read_accounts(r, &acc, err);
    known = rc == 0 && chown_user(&acc, user, &uid, &gid) &&
            (group.n == 0 || chown_group(&acc, group, &gid));
    accounts_done(&acc);
    TRY(rc);
    if (!known)
        return 1;
    *ret_uid = uid;
    *ret_gid = gid;
    return 0;
}
