/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/mount_source.h - what RUN --mount=type=bind shows, as files on disk.
 *
 *      a context       the directory itself where it belongs to root, nothing in it is excluded
 *                      and mounts can be made; else a copy, which belongs to root
 *      a stage         its disk; unpacked from its layers where it has none any more
 *      an image        its layers, unpacked
 *
 * Copies and unpacked images are made when they are first wanted, used by all steps, and live as
 * long as the build. Nothing may change them; a sandbox that cannot prevent that says when it
 * happened (SandboxMount.spoiled), and they are made again the next time.
 *
 * Errors  ERR_NOT_FOUND `"/x": not found`.
 */
#pragma once

#include "build/rootfs.h"

typedef struct MountSources MountSources;

/* What a mount was filled from, to be told when it is spoiled. */
typedef struct MountOrigin {
    Rootfs *fs;               /* or */
    struct ContextCopy *copy; /* or neither */
} MountOrigin;

/* Fill 'from' or 'dir', 'source' and 'is_dir' of a mount; strings live as long as the build. */
int mount_source_context(Builder *b, Context *context, Str source, SandboxMount *ret,
                         MountOrigin *ret_origin, Err *err) must_check;
int mount_source_rootfs(Rootfs *fs, Str source, SandboxMount *ret, MountOrigin *ret_origin,
                        Err *err) must_check;
int mount_source_image(Builder *b, Str image, const Platform *platform, Str source,
                       SandboxMount *ret, MountOrigin *ret_origin, Err *err) must_check;
/* The same without a disk: what an image consists of, for reading. */
int mount_source_image_files(Builder *b, Str image, const Platform *platform, Rootfs **ret,
                             Err *err) must_check;
/* "scratch": an empty directory. */
int mount_source_empty(Builder *b, SandboxMount *ret, Err *err) must_check;

void mount_origin_spoiled(MountOrigin *o);

/* While the sandbox is still there. */
void mount_sources_free(Builder *b);

/* The regular files at and below 'n', for rootfs_files_open(). */
int mount_collect_files(Tree *t, Node *n, NodeVec *ret, Err *err) must_check;

/*
 * Everything at and below 'n', with the directories that lead to it, below the directory 'dir'
 * (absolute), which gets the mode of the tree's root.
 */
int mount_write_out(Tree *t, Node *n, FileSource *files, const char *dir, bool may_chown, Err *err)
    must_check;
