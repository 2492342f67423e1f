/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kiln push ARCHIVE`: whatever the archive holds, what comes out of it is in the store under its own digest, or there is an error.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "os/file.h"
#include "store/archive_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    EMPTY_EVERY = 64 /* archives */
};

static char dir[] = "/dev/shm/fuzz-archive-XXXXXX";
static Store *store;

static void empty(void)
{
    Err err;

    store_free(store);
    store = NULL;
    if (dir_remove_all(AT_FDCWD, dir, &err) < 0)
        abort();
}

/* A store of its own, which does not grow for ever. */
static void renew(void)
{
    static unsigned n;
    Err err;

    if (store && n++ % EMPTY_EVERY)
        return;
    if (store) {
        empty();
        if (mkdir(dir, 0700) < 0)
            abort();
    } else if (!mkdtemp(dir) || atexit(empty) != 0) {
        abort();
    }
    if (store_open(dir, &store, &err) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    int fd = memfd_create("archive", MFD_CLOEXEC);
    Descriptor d = {0};
    char path[64];
    cleanup_buf Buf json = BUF_INIT(LIMIT_MANIFEST);
    Err err;

    renew();
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (archive_read(store, path, NULL, &d, &a, &err) < 0) {
        if (err.kind == ERR_SYS)
            abort();
    } else if (store_has(store, &d.digest, NULL)) { /* an index may name what the archive lacks */
        if (store_read_blob(store, &d.digest, &json, &err) < 0 && err.kind != ERR_LIMIT)
            abort();
    }
    (void)close(fd);
    return 0;
}
