/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything runs twice, by openat2 and by the walk; and the two are compared with one another on
 * every combination of path, flags and function that could be thought of, and on many that could
 * not.
 */
#include "base/limits.h"
#include "os/chase.h"
#include "racing_openat.h"
#include "scratch.h"

/* ---- a root with traps, and what must not be reached outside ---- */

typedef struct World {
    Scratch s;
    int root;
    int top; /* bytes of the path of root */
} World;

/*
 * The kernel may look up a path three times before it is content, and goes on counting links; so
 * a third of the limit is what it follows in any case.
 */
enum {
    SURE_HOPS = LIMIT_SYMLINK_HOPS / 3
};

static void link_chain(int dirfd, const char *prefix, unsigned length)
{
    char name[64], target[64];

    for (unsigned i = 0; i < length; i++) {
        (void)snprintf(name, sizeof(name), "%s%u", prefix, i);
        (void)snprintf(target, sizeof(target), "%s%u", prefix, i + 1);
        CHECK(symlinkat(i + 1 < length ? target : "usr/lib/file", dirfd, name) == 0);
    }
}

static const char *const links[][2] = {
    {"abs", "/usr/lib"},
    {"absfile", "/usr/lib/file"},
    {"rel", "usr/lib"},
    {"up", "../../../../usr"},
    {"upfile", "../secret"},
    {"out", "/../../../secret"},
    {"loop1", "loop2"},
    {"loop2", "loop1"},
    {"self", "self"},
    {"selfdir", "selfdir/x"},
    {"dangling", "nowhere"},
    {"danglingabs", "/usr/newborn"},
    {"danglingup", "../newup"},
    {"danglingdir", "gone/newborn"},
    {"slash", "usr/lib/"},
    {"fileslash", "usr/lib/file/"},
    {"dot", "."},
    {"dotdot", ".."},
    {"root", "/"},
    {"slashes", "//usr//lib//"},
    {"usr/lib/back", "../../usr"},
    {"usr/lib/filelink", "file"},
    {"usr/lib/abslink", "/absfile"},
    {"danglingslash", "newslash/"},
};

static World world_new(void)
{
    World w = {.s = scratch_new()};
    char path[512];
    Err err;

    put(w.s.fd, "secret", "outside");
    CHECK(mkdirat(w.s.fd, "root", 0755) == 0);
    w.root = openat(w.s.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(dir_make_all(w.root, "usr/lib", 0755, &err));
    CHECK_OK(dir_make_all(w.root, "usr/bin/deep/er", 0755, &err));
    put(w.root, "usr/lib/file", "inside");
    put(w.root, "top", "at the top");
    CHECK(mkfifoat(w.root, "fifo", 0644) == 0);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        CHECK(symlinkat(links[i][1], w.root, links[i][0]) == 0);
    link_chain(w.root, "good", SURE_HOPS);
    link_chain(w.root, "most", LIMIT_SYMLINK_HOPS);
    link_chain(w.root, "long", LIMIT_SYMLINK_HOPS + 1);
    CHECK(realpath(w.s.path, path));
    w.top = (int)strlen(path) + (int)strlen("/root");
    return w;
}

static void world_done(World *w)
{
    close_at(&w->root);
    scratch_done(&w->s);
}
#define cleanup_world cleanup_with(world_done)

static void choose(bool walk)
{
    CHECK(setenv("KILN_NO_OPENAT2", walk ? "1" : "0", 1) == 0);
    chase_choose();
}

static bool have_openat2(void)
{
    choose(false);
    return chase_uses_openat2();
}

static void look_first(void *arg)
{
    cleanup_world World w = world_new();
    char buf[64];
    cleanup_close int fd = -1;
    Err err;

    (void)arg;
    CHECK(unsetenv("KILN_NO_OPENAT2") == 0);
    if (!deny(SYS_openat2, ENOSYS))
        printf("skip no seccomp: a kernel without openat2\n");
    fd = chase_open(w.root, "absfile", O_RDONLY, 0, &err);
    CHECK_OK(fd);
    CHECK(read(fd, buf, sizeof(buf)) == 6);
}

/* Must run before anything else here has looked. */
TEST(the_first_look_may_find_nothing)
{
    in_child(look_first, NULL);
}

TEST(the_environment_chooses)
{
    choose(true);
    CHECK(!chase_uses_openat2());
    if (!have_openat2())
        printf("skip no openat2 here: only the walk is tested\n");
}

/* ---- what is wanted, one by one ---- */

typedef int Opener(int root_fd, const char *path, int flags, mode_t mode, Err *err);

/* Where a descriptor leads: "/usr/lib/file", seen from the root. */
static Str where(const World *w, int fd, char buf[PATH_MAX])
{
    char proc[64];
    ssize_t n;

    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    n = readlink(proc, buf, PATH_MAX);
    CHECK(n >= w->top); /* outside the root otherwise */
    return str_skip((Str){buf, (size_t)n}, (size_t)w->top);
}

static void leads_to(const World *w, Opener *open_it, const char *path, int flags, const char *want)
{
    char buf[PATH_MAX];
    cleanup_close int fd = -1;
    Err err;

    fd = open_it(w->root, path, flags, 0644, &err);
    CHECK_OK(fd);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_STR(where(w, fd, buf), str_from(want));
}

static void fails_with(const World *w, Opener *open_it, const char *path, int flags, int os_errno)
{
    char text[64];
    Err err;

    (void)snprintf(text, sizeof(text), "open %.40s", path);
    CHECK_ERR(open_it(w->root, path, flags, 0644, &err), ERR_SYS, text);
    if (err.os_errno != os_errno)
        fprintf(stderr, "%s: %s\n", path, err.msg);
    CHECK(err.os_errno == os_errno);
}

static void follow_inside(const World *w)
{
    leads_to(w, chase_open, "", O_RDONLY, "");
    leads_to(w, chase_open, "/", O_PATH, "");
    leads_to(w, chase_open, "..", O_PATH, "");
    leads_to(w, chase_open, "/../../..", O_RDONLY | O_DIRECTORY, "");
    leads_to(w, chase_open, "usr/lib/file", O_RDONLY, "/usr/lib/file");
    leads_to(w, chase_open, "//usr/./lib/../lib//file", O_RDONLY, "/usr/lib/file");
    leads_to(w, chase_open, "abs/file", O_RDONLY, "/usr/lib/file");
    leads_to(w, chase_open, "usr/lib/abslink", O_RDONLY, "/usr/lib/file");
    leads_to(w, chase_open, "up/lib", O_RDONLY, "/usr/lib");
    leads_to(w, chase_open, "up/../../../abs/../bin", O_PATH, "/usr/bin");
    leads_to(w, chase_open, "usr/lib/back/lib/back/lib", O_PATH, "/usr/lib");
    leads_to(w, chase_open, "abs", O_PATH | O_NOFOLLOW, "/abs");
    leads_to(w, chase_open, "abs/", O_PATH | O_NOFOLLOW, "/usr/lib");
    leads_to(w, chase_open, "abs/.", O_RDONLY | O_NOFOLLOW, "/usr/lib");
    leads_to(w, chase_open, "root", O_RDONLY, "");
    leads_to(w, chase_open, "good0", O_RDONLY, "/usr/lib/file");
    if (!chase_uses_openat2())
        leads_to(w, chase_open, "most0", O_RDONLY, "/usr/lib/file");
}

static void refuse(const World *w)
{
    char name[LIMIT_PATH + 10];

    fails_with(w, chase_open, "upfile", O_RDONLY, ENOENT); /* not the one outside */
    fails_with(w, chase_open, "out", O_RDONLY, ENOENT);
    fails_with(w, chase_open, "loop1", O_RDONLY, ELOOP);
    fails_with(w, chase_open, "selfdir", O_RDONLY, ELOOP);
    fails_with(w, chase_open, "long0", O_RDONLY, ELOOP);
    fails_with(w, chase_open, "abs", O_RDONLY | O_NOFOLLOW, ELOOP);
    fails_with(w, chase_open, "abs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, ENOTDIR);
    fails_with(w, chase_open, "dangling", O_RDONLY, ENOENT);
    fails_with(w, chase_open, "missing/..", O_RDONLY, ENOENT);
    fails_with(w, chase_open, "top/..", O_RDONLY, ENOTDIR);
    fails_with(w, chase_open, "top/", O_RDONLY, ENOTDIR);
    fails_with(w, chase_open, "fileslash", O_RDONLY, ENOTDIR);
    fails_with(w, chase_open, "usr", O_WRONLY, EISDIR);
    memset(name, 'n', sizeof(name));
    name[LIMIT_NAME + 1] = '\0';
    fails_with(w, chase_open, name, O_RDONLY, ENAMETOOLONG);
    memset(name, '/', LIMIT_PATH + 1); /* slashes count only when something is before them */
    name[0] = '.';
    name[LIMIT_PATH + 1] = '\0';
    fails_with(w, chase_open, name, O_RDONLY, ENAMETOOLONG);
}

static void create(const World *w)
{
    leads_to(w, chase_open, "usr/fresh", O_WRONLY | O_CREAT, "/usr/fresh");
    leads_to(w, chase_open, "usr/fresh", O_WRONLY | O_CREAT, "/usr/fresh");
    fails_with(w, chase_open, "usr/fresh", O_WRONLY | O_CREAT | O_EXCL, EEXIST);
    leads_to(w, chase_open, "abs/excl", O_WRONLY | O_CREAT | O_EXCL, "/usr/lib/excl");
    fails_with(w, chase_open, "dangling", O_WRONLY | O_CREAT | O_EXCL, EEXIST);
    fails_with(w, chase_open, "dangling", O_WRONLY | O_CREAT | O_NOFOLLOW, ELOOP);
    leads_to(w, chase_open, "dangling", O_WRONLY | O_CREAT, "/nowhere");
    leads_to(w, chase_open, "danglingabs", O_WRONLY | O_CREAT, "/usr/newborn");
    leads_to(w, chase_open, "danglingup", O_WRONLY | O_CREAT, "/newup");
    fails_with(w, chase_open, "danglingdir", O_WRONLY | O_CREAT, ENOENT);
    fails_with(w, chase_open, "usr/fresh2/", O_WRONLY | O_CREAT, EISDIR);
    fails_with(w, chase_open, "usr", O_WRONLY | O_CREAT, EISDIR);
    CHECK(faccessat(w->s.fd, "newup", F_OK, 0) < 0);
    CHECK_FILE(w->s.fd, "secret", S("outside"));
}

static void stay_beneath(const World *w)
{
    leads_to(w, chase_beneath, "/usr/lib/file", O_RDONLY, "/usr/lib/file");
    leads_to(w, chase_beneath, "usr/bin/../lib", O_PATH, "/usr/lib");
    leads_to(w, chase_beneath, "", O_RDONLY, "");
    leads_to(w, chase_beneath, "abs", O_PATH | O_NOFOLLOW, "/abs");
    leads_to(w, chase_beneath, "usr/b", O_WRONLY | O_CREAT, "/usr/b");
    fails_with(w, chase_beneath, "abs", O_PATH, ELOOP);
    fails_with(w, chase_beneath, "abs/file", O_RDONLY, ELOOP);
    fails_with(w, chase_beneath, "abs/", O_PATH | O_NOFOLLOW, ELOOP);
    fails_with(w, chase_beneath, "..", O_PATH, EXDEV);
    fails_with(w, chase_beneath, "usr/../../root", O_PATH, EXDEV);
    fails_with(w, chase_beneath, "dangling", O_WRONLY | O_CREAT, ELOOP);
    fails_with(w, chase_beneath, "top/x", O_RDONLY, ENOTDIR);
}

static void in_both_ways(void (*run)(const World *))
{
    for (int walk = 0; walk < 2; walk++) {
        cleanup_world World w = world_new();

        if (!walk && !have_openat2())
            continue;
        choose(walk);
        run(&w);
    }
}

TEST(follows_inside_the_root)
{
    in_both_ways(follow_inside);
}

TEST(refuses_what_is_not_there)
{
    in_both_ways(refuse);
}

TEST(creates_inside_the_root)
{
    in_both_ways(create);
}

TEST(beneath_takes_no_symlink)
{
    in_both_ways(stay_beneath);
}

/* ---- the two ways against one another ---- */

typedef struct Outcome {
    int os_errno; /* 0: opened */
    mode_t mode;
    bool created;
    char at[PATH_MAX];
} Outcome;

static Outcome outcome(const World *w, Opener *open_it, const char *path, int flags)
{
    static Outcome o;
    cleanup_close int fd = -1;
    struct stat st;
    char proc[64], buf[PATH_MAX];
    Str at;
    Err err;

    memset(&o, 0, sizeof(o));
    fd = open_it(w->root, path, flags, 0640, &err);
    if (fd < 0) {
        CHECK(err.kind == ERR_SYS);
        o.os_errno = err.os_errno;
        return o;
    }
    CHECK(fstat(fd, &st) == 0);
    o.mode = st.st_mode;
    o.created = S_ISREG(st.st_mode) && st.st_size == 0;
    at = where(w, fd, buf);
    if (st.st_nlink == 0)
        return o; /* O_TMPFILE: a name like "#123 (deleted)" */
    memcpy(o.at, at.p, at.n);
    if (o.created) { /* undo, for the other way */
        (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
        CHECK(readlink(proc, buf, sizeof(buf)) > 0);
        buf[(size_t)w->top + at.n] = '\0';
        CHECK(unlink(buf) == 0);
    }
    return o;
}

static void compare(const World *w, Opener *open_it, const char *path, int flags)
{
    Outcome kernel, walk;

    choose(false);
    kernel = outcome(w, open_it, path, flags);
    choose(true);
    walk = outcome(w, open_it, path, flags);
    if (kernel.os_errno == walk.os_errno && kernel.mode == walk.mode &&
        kernel.created == walk.created && strcmp(kernel.at, walk.at) == 0)
        return;
    fprintf(stderr, "%s of \"%s\", flags %#o: openat2 %s %s %o, walk %s %s %o\n",
            open_it == chase_open ? "chase_open" : "chase_beneath", path, (unsigned)flags,
            strerrordesc_np(kernel.os_errno), kernel.at, kernel.mode,
            strerrordesc_np(walk.os_errno), walk.at, walk.mode);
    abort();
}

static const int flag_sets[] = {
    O_RDONLY | O_NONBLOCK,
    O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
    O_PATH,
    O_PATH | O_NOFOLLOW,
    O_PATH | O_DIRECTORY,
    O_PATH | O_DIRECTORY | O_NOFOLLOW,
    O_RDONLY | O_DIRECTORY,
    O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
    O_RDWR | O_NONBLOCK,
    O_WRONLY | O_CREAT | O_NONBLOCK,
    O_WRONLY | O_CREAT | O_EXCL,
    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
    O_RDWR | O_TMPFILE,
    O_RDWR | O_TMPFILE | O_NOFOLLOW,
};

static void compare_all(const World *w, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(flag_sets); i++) {
        compare(w, chase_open, path, flag_sets[i]);
        compare(w, chase_beneath, path, flag_sets[i]);
    }
}

static const char *const words[] = {
    "usr",  "lib",     "bin",  "file",    "filelink", "abslink", "back",  "top",         "missing",
    ".",    "..",      "..",   "abs",     "rel",      "up",      "dot",   "dotdot",      "root",
    "self", "slashes", "fifo", "absfile", "deep",     "er",      "loop1", "danglingdir", "slash",
};

/* A path of up to eight words; the same sequence on every machine. */
static void random_path(uint64_t *state, char *ret, size_t size)
{
    size_t n = 0, count;

    *state = *state * 6364136223846793005u + 1442695040888963407u;
    count = 1 + (*state >> 33) % 8;
    ret[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        n += (size_t)snprintf(ret + n, size - n, "%s%s",
                              (*state >> 60) == 0 ? "//"
                              : i                 ? "/"
                                                  : "",
                              words[(*state >> 33) % ARRAY_LEN(words)]);
    }
    if ((*state >> 59) % 8 == 0)
        (void)snprintf(ret + n, size - n, "/");
}

TEST(the_walk_agrees_with_the_kernel)
{
    static const char *const tails[] = {"", "/", "/.", "/..", "/file", "/missing", "//", "/../top"};
    cleanup_world World w = world_new();
    uint64_t state = 1;
    char path[256];

    if (!have_openat2()) {
        printf("skip no openat2 here: nothing to compare with\n");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        for (size_t j = 0; j < ARRAY_LEN(tails); j++) {
            (void)snprintf(path, sizeof(path), "%s%s", links[i][0], tails[j]);
            compare_all(&w, path);
        }
    }
    compare_all(&w, "good0");
    compare_all(&w, "good1/");
    compare_all(&w, "long0");
    compare_all(&w, "long0/");
    compare_all(&w, "fifo");
    compare_all(&w, "fifo/");
    for (int i = 0; i < 3000; i++) {
        random_path(&state, path, sizeof(path));
        compare_all(&w, path);
    }
}

/* ---- old kernels, and races ---- */

static void without_openat2(void *arg)
{
    const int *os_errno = arg;
    cleanup_world World w = world_new();

    if (!deny(SYS_openat2, *os_errno))
        printf("skip no seccomp: a kernel without openat2\n");
    else
        CHECK(!have_openat2());
    follow_inside(&w);
}

static void busy_with_renames(void *arg)
{
    cleanup_world World w = world_new();

    (void)arg;
    if (!have_openat2() || !deny(SYS_openat2, EAGAIN))
        return;
    CHECK(chase_uses_openat2());
    follow_inside(&w); /* by the walk, in the end */
}

TEST(falls_back_where_openat2_is_missing)
{
    int reasons[] = {ENOSYS, EPERM};

    in_child(without_openat2, &reasons[0]);
    in_child(without_openat2, &reasons[1]);
    in_child(busy_with_renames, NULL);
}

static const World *race_world;

/* When the walk is about to take "..", what it stands in is moved out of the root. */
static void move_out(const char *name)
{
    if (strcmp(name, "..") != 0)
        return;
    before_openat = NULL;
    CHECK(renameat(race_world->root, "usr/bin/deep", race_world->s.fd, "stolen") == 0);
}

TEST(dotdot_does_not_leave_with_a_moved_directory)
{
    cleanup_world World w = world_new();

    choose(true);
    race_world = &w;
    before_openat = move_out;
    fails_with(&w, chase_open, "usr/bin/deep/er/../../../../../secret", O_RDONLY, EAGAIN);
    CHECK(before_openat == NULL && faccessat(w.s.fd, "stolen/er", F_OK, 0) == 0);
}

/* When the walk is about to enter a directory, a symlink to the outside has taken its place. */
static void swap_for_link(const char *name)
{
    if (strcmp(name, "lib") != 0)
        return;
    before_openat = NULL;
    CHECK(renameat(race_world->root, "usr/lib", race_world->root, "usr/lib.old") == 0);
    CHECK(symlinkat("../..", race_world->root, "usr/lib") == 0);
}

TEST(a_swapped_directory_is_not_followed_outside)
{
    cleanup_world World w = world_new();

    choose(true);
    race_world = &w;
    before_openat = swap_for_link;
    fails_with(&w, chase_open, "usr/lib/secret", O_RDONLY, ENOENT);
    CHECK(before_openat == NULL);
    before_openat = NULL;
    leads_to(&w, chase_open, "usr/lib/top", O_RDONLY, "/top"); /* "../.." ended at the root */
}

TEST(depth_is_no_matter)
{
    cleanup_world World w = world_new();
    char path[LIMIT_PATH + 1] = "";
    size_t n = 0;
    Err err;

    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(path + n, sizeof(path) - n, "d/");
    CHECK_OK(dir_make_all(w.root, path, 0755, &err));
    for (int i = 0; i < 498; i++)
        n += (size_t)snprintf(path + n, sizeof(path) - n, "../");
    for (int walk = have_openat2() ? 0 : 1; walk < 2; walk++) {
        choose(walk);
        leads_to(&w, chase_open, path, O_RDONLY, "/d/d");
        leads_to(&w, chase_beneath, path, O_RDONLY, "/d/d");
    }
}

TEST_MAIN(T(the_first_look_may_find_nothing), T(the_environment_chooses),
          T(follows_inside_the_root), T(refuses_what_is_not_there), T(creates_inside_the_root),
          T(beneath_takes_no_symlink), T(the_walk_agrees_with_the_kernel),
          T(falls_back_where_openat2_is_missing), T(dotdot_does_not_leave_with_a_moved_directory),
          T(a_swapped_directory_is_not_followed_outside), T(depth_is_no_matter))
