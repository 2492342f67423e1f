/* SPDX-License-Identifier: Apache-2.0 */
/* The way into a user namespace: with subordinate ids, without, and where it is forbidden. Needs root, to become somebody else. */
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "sandbox/box.h"

static size_t parse(const char *text, const char *user, uint32_t uid, IdRangeVec *ret)
{
    vec_done(ret);
    subids_parse(str_from(text), str_from(user), uid, ret);
    return ret->n;
}

TEST(subordinate_id_files)
{
    IdRangeVec r = {0};
    Buf many = BUF_INIT(BUF_SMALL);

    CHECK(parse("ann:100000:65536\nbob:165536:65536\n", "bob", 1001, &r) == 1);
    CHECK(r.v[0].start == 165536 && r.v[0].count == 65536);
    CHECK(parse("# c\n\n1001:5:6\nbob:7:8\nbobby:1:1\n10010:1:1", "bob", 1001, &r) == 2);
    CHECK(r.v[0].start == 5 && r.v[1].count == 8);
    CHECK(parse("bob:x:1\nbob:1\nbob:1:0\nbob:-1:5\nbob:4294967296:1\n:::\nbob", "bob", 1, &r) ==
          0);
    CHECK(parse(":1:1\n", "", 7, &r) == 0); /* an unknown name is nobody's */
    CHECK(parse("bob:1:1\n", "bo", 7, &r) == 0);
    for (int i = 0; i < 2 * LIMIT_ID_RANGES; i++)
        buf_addf(&many, "bob:%d:1\n", i);
    CHECK(parse(buf_z(&many), "bob", 7, &r) == LIMIT_ID_RANGES);
    buf_done(&many);
    vec_done(&r);
}

enum {
    SOMEBODY = 54321
};

static void write_file(const char *path, const char *text)
{
    Err err;

    CHECK_OK(file_write_atomic(AT_FDCWD, path, 0644, str_from(text), &err));
}

/* In a mount namespace of our own, 'source' takes the place of 'target'. */
static bool cover(const char *source, const char *target)
{
    return access(target, F_OK) == 0 && mount(source, target, NULL, MS_BIND, NULL) == 0;
}

static bool give_subids(const char *dir)
{
    char path[80];

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    (void)snprintf(path, sizeof(path), "%s/ids", dir);
    write_file(path, "54321:700000:65536\n");
    if (!cover(path, "/etc/subuid") || !cover(path, "/etc/subgid"))
        return false;
    (void)snprintf(path, sizeof(path), "%s/passwd", dir);
    write_file(path, "root:x:0:0::/:/bin/sh\nsomebody:x:54321:54321::/:/bin/sh\n");
    return cover(path, "/etc/passwd");
}

static void become_somebody(void)
{
    CHECK(setgroups(0, NULL) == 0 && setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0 &&
          setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); /* as after an exec: /proc/self is ours */
}

static int enter(void)
{
    Err err;
    int got = userns_enter(&err);

    if (got < 0) {
        printf("skip: %s\n", err.msg);
        fflush(stdout);
        _exit(err.kind == ERR_UNSUPPORTED && geteuid() == SOMEBODY ? 0 : 1);
    }
    return got;
}

/* Everything a build does as that user: unpack files of many owners, run commands as others. */
static void check_builds(bool many)
{
    RunSpec spec = {.uid = 1000, .gid = 1000};
    cleanup_free char *text = NULL;
    RunResult got;
    Root *r;
    Box b;
    Err err;

    if (!box_open(&b))
        return;
    r = box_root(&b);
    CHECK(r->may_chown == many);
    CHECK_SH_Z(&b, r, "id -u; cat /proc/self/uid_map | wc -l", many ? "0\n2\n" : "0\n1\n");
    if (many) {
        CHECK(mkdirat(r->fd, "home", 0755) == 0 && fchownat(r->fd, "home", 1000, 65534, 0) == 0);
        text = box_sh_as(&b, r, spec, "id -u; touch /home/x; stat -c %u:%g /home /home/x");
        CHECK_STR(str_from(text), S("1000\n1000:65534\n1000:1000\n"));
    } else
        CHECK_ERR(box_exec(&b, r, spec, 2, &got, &err, (const char *[]){"id", NULL}),
                  ERR_UNSUPPORTED, "/etc/subuid");
    box_close(&b);
}

static _Noreturn void child_single(const char *dir)
{
    (void)dir;
    become_somebody();
    CHECK(enter() == 1);
    CHECK(geteuid() == 0 && getegid() == 0 && userns_entered() && !userns_maps_all());
    check_builds(false);
    _exit(0);
}

static _Noreturn void child_many(const char *dir)
{
    if (!give_subids(dir)) {
        printf("skip: no mount namespace, or no /etc/subuid\n");
        fflush(stdout);
        _exit(0);
    }
    become_somebody();
    CHECK(enter() == 1);
    CHECK(geteuid() == 0 && getegid() == 0);
    if (!userns_maps_all()) {
        printf("skip: newuidmap and newgidmap are not installed (package uidmap)\n");
        fflush(stdout);
        _exit(0);
    }
    check_builds(true);
    _exit(0);
}

/* No more user namespaces for the ones below: the process is as it was and goes on. */
static _Noreturn void child_forbidden(const char *dir)
{
    int fd;
    Err err;

    (void)dir;
    if (unshare(CLONE_NEWUSER) < 0)
        _exit(0);
    fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) {
        close_at(&fd);
        fd = -1;
    }
    close_at(&fd);
    CHECK(geteuid() != 0); /* nobody is mapped */
    CHECK_ERR(userns_enter(&err), ERR_UNSUPPORTED, "user namespaces are not available here");
    CHECK(!userns_entered() && geteuid() != 0);
    _exit(0);
}

static void in_child(void (*body)(const char *))
{
    char dir[] = "/tmp/kiln-userns.XXXXXX";
    int status;
    pid_t pid;
    Err err;

    if (geteuid() != 0) {
        printf("skip: needs root\n");
        return;
    }
    CHECK(mkdtemp(dir) && chmod(dir, 0755) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        body(dir);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(dir_remove_all(AT_FDCWD, dir, &err));
}

static void single(const char *dir)
{
    child_single(dir);
}

static void many(const char *dir)
{
    child_many(dir);
}

static void forbidden(const char *dir)
{
    child_forbidden(dir);
}

TEST(without_subordinate_ids_only_root_exists)
{
    in_child(single);
}

TEST(with_subordinate_ids_all_owners_exist)
{
    in_child(many);
}

TEST(where_it_is_forbidden_nothing_changes)
{
    in_child(forbidden);
}

TEST(root_needs_none)
{
    Err err;

    if (geteuid() == 0)
        CHECK(userns_enter(&err) == 0 && !userns_entered());
}

TEST_MAIN(T(subordinate_id_files), T(without_subordinate_ids_only_root_exists),
          T(with_subordinate_ids_all_owners_exist), T(where_it_is_forbidden_nothing_changes),
          T(root_needs_none))
