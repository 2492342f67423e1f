/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of cache mounts while somebody removes whatever nobody uses. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/cache_mount.h"
#include "cache/prune.h"
#include "os/temp.h"
#include "test.h"

enum {
    ROUNDS = 300
};

typedef struct Pruner {
    const char *kiln_dir;
    atomic_bool over;
    atomic_uint removed;
} Pruner;

static void *prune_on(void *arg)
{
    Pruner *p = arg;
    PruneOpts o = {.kiln_dir = p->kiln_dir};
    PruneReport r;
    Err err;

    while (!atomic_load(&p->over)) {
        CHECK_OK(cache_prune(&o, &r, &err));
        atomic_fetch_add(&p->removed, (unsigned)r.mounts);
    }
    return NULL;
}

static int fill_with_nothing(void *ctx, const CacheMount *c, const char *dir, Err *err)
{
    (void)ctx;
    (void)c;
    (void)dir;
    (void)err;
    return 0;
}

static void use_once(const char *kiln_dir, MountSharing sharing)
{
    static const CacheFill fill = {fill_with_nothing, NULL};
    cleanup_arena Arena a = ARENA_INIT;
    RunMount m = {.type = MOUNT_TYPE_CACHE, .id = S("m"), .sharing = sharing};
    struct stat st;
    CacheMount c;
    Err err;

    cache_mount_name(&a, S(""), &m, &c);
    CHECK_OK(cache_mount_open(&a, kiln_dir, &m, false, &fill, &c, &err));
    CHECK(stat(c.dir, &st) == 0 && S_ISDIR(st.st_mode));
    sched_yield();
    CHECK(stat(c.dir, &st) == 0);
    cache_mount_close(&c);
}

static unsigned count(const char *path)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    CHECK(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* . and .. */
}

TEST(nothing_is_removed_that_somebody_has)
{
    cleanup_with(temp_free_at) Temp *dir = NULL;
    cleanup_arena Arena a = ARENA_INIT;
    const char *mounts;
    pthread_t thread;
    Pruner p = {0};
    Err err;

    CHECK_OK(temp_dir("/tmp", "kiln-cache-mount", &dir, &err));
    p.kiln_dir = temp_path(dir);
    mounts = str_fmt_in(&a, "%s/cache-mounts", p.kiln_dir).p;
    CHECK(mkdir(mounts, 0755) == 0);
    CHECK(pthread_create(&thread, NULL, prune_on, &p) == 0);
    for (unsigned i = 0; i < ROUNDS || atomic_load(&p.removed) == 0; i++)
        use_once(p.kiln_dir, i % 2 ? MOUNT_SHARING_LOCKED : MOUNT_SHARING_SHARED);
    atomic_store(&p.over, true);
    CHECK(pthread_join(thread, NULL) == 0);
    use_once(p.kiln_dir, MOUNT_SHARING_SHARED);
    CHECK_OK(cache_prune(&(PruneOpts){.kiln_dir = p.kiln_dir}, &(PruneReport){0}, &err));
    CHECK(count(mounts) == 0);
}

TEST_MAIN(T(nothing_is_removed_that_somebody_has))
