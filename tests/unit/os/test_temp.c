/* SPDX-License-Identifier: Apache-2.0 */
#include "os/temp.h"
#include "scratch.h"

static bool there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    CHECK(lstat(path, &st) == 0);
    return st.st_mode & 07777;
}

TEST(is_gone_with_its_scope)
{
    cleanup_scratch Scratch s = scratch_new();
    char file[512], dir[512], inside[600];
    Err err;

    {
        cleanup_with(temp_free_at) Temp *f = NULL, *d = NULL;
        cleanup_close int fd = -1;

        CHECK_OK(temp_file(s.path, "blob", &f, &fd, &err));
        CHECK_OK(temp_dir(s.path, "stage", &d, &err));
        (void)snprintf(file, sizeof(file), "%s", temp_path(f));
        (void)snprintf(dir, sizeof(dir), "%s", temp_path(d));
        CHECK(str_starts(str_skip(str_from(file), strlen(s.path)), S("/blob.")));
        CHECK(str_starts(str_skip(str_from(dir), strlen(s.path)), S("/stage.")));
        CHECK(mode_of(file) == 0600 && mode_of(dir) == 0700);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK(write(fd, "x", 1) == 1);
        CHECK(mkdirat(s.fd, "keep", 0755) == 0);
        (void)snprintf(inside, sizeof(inside), "%s/inside", dir);
        put(AT_FDCWD, inside, "x");
    }
    CHECK(!there(file) && !there(dir));
    CHECK(faccessat(s.fd, "keep", F_OK, 0) == 0);
    temp_free(NULL);
}

TEST(stays_when_committed)
{
    cleanup_scratch Scratch s = scratch_new();
    char final[512], nowhere[512], before[512];
    Err err;

    (void)snprintf(final, sizeof(final), "%s/final", s.path);
    (void)snprintf(nowhere, sizeof(nowhere), "%s/missing/final", s.path);
    {
        cleanup_with(temp_free_at) Temp *t = NULL;
        cleanup_close int fd = -1;

        CHECK_OK(temp_file(s.path, "blob", &t, &fd, &err));
        (void)snprintf(before, sizeof(before), "%s", temp_path(t));
        CHECK(write(fd, "data", 4) == 4);
        CHECK_ERR(temp_commit(t, nowhere, &err), ERR_SYS, "missing/final: No such file");
        CHECK(there(before)); /* may be tried again */
        CHECK_OK(temp_commit(t, final, &err));
        CHECK(!there(before));
        put(AT_FDCWD, before, "somebody else's now");
    }
    CHECK_FILE(s.fd, "final", S("data"));
    CHECK(there(before));
}

TEST(failures_leave_nothing)
{
    Temp *t = NULL;
    int fd = -1;
    Err err;

    CHECK_ERR(temp_file("/nonexistent-directory", "x", &t, &fd, &err), ERR_SYS,
              "temporary file /nonexistent-directory/x.");
    CHECK_ERR(temp_dir("/nonexistent-directory", "x", &t, &err), ERR_SYS, "temporary directory");
    CHECK(t == NULL && fd == -1);
}

typedef struct Inherited {
    const Scratch *s;
    Temp *file, *dir;
} Inherited;

static void child_frees(void *arg)
{
    const Inherited *i = arg;

    temp_free(i->file);
    temp_free(i->dir);
}

static void child_removes_all(void *arg)
{
    const Inherited *i = arg;
    Temp *own = NULL, *more = NULL;
    Err err;

    CHECK_OK(temp_dir(i->s->path, "own", &own, &err));
    temp_remove_all();
    CHECK(!there(temp_path(own)));
    CHECK(there(temp_path(i->file)) && there(temp_path(i->dir)));
    CHECK_ERR(temp_dir(i->s->path, "more", &more, &err), ERR_CANCELLED, "stopping");
    CHECK_ERR(temp_commit(own, "anything", &err), ERR_CANCELLED, "stopping");
    temp_free(own);
}

TEST(children_leave_the_parents_alone)
{
    cleanup_scratch Scratch s = scratch_new();
    cleanup_with(temp_free_at) Temp *f = NULL, *d = NULL;
    cleanup_close int fd = -1;
    Inherited i = {.s = &s};
    Err err;

    CHECK_OK(temp_file(s.path, "blob", &f, &fd, &err));
    CHECK_OK(temp_dir(s.path, "stage", &d, &err));
    i.file = f;
    i.dir = d;
    in_child(child_frees, &i);
    in_child(child_removes_all, &i);
    CHECK(there(temp_path(f)) && there(temp_path(d)));
}

static void remove_all_here(void *arg)
{
    const Scratch *s = arg;
    Temp *t[20];
    int fd[20];
    char final[512];
    Err err;

    for (int i = 0; i < 10; i++) {
        CHECK_OK(temp_file(s->path, "file", &t[i], &fd[i], &err));
        CHECK_OK(temp_dir(s->path, "dir", &t[10 + i], &err));
    }
    (void)snprintf(final, sizeof(final), "%s/final", s->path);
    CHECK_OK(temp_commit(t[3], final, &err));
    temp_free(t[4]);
    temp_remove_all();
    for (int i = 0; i < 20; i++) {
        CHECK(i == 4 || !there(temp_path(t[i])));
        if (i != 4)
            temp_free(t[i]);
    }
    CHECK(there(final));
}

TEST(all_are_removed_on_the_way_out)
{
    cleanup_scratch Scratch s = scratch_new();

    in_child(remove_all_here, &s);
}

TEST_MAIN(T(is_gone_with_its_scope), T(stays_when_committed), T(failures_leave_nothing),
          T(children_leave_the_parents_alone), T(all_are_removed_on_the_way_out))
