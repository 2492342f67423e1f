/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/limits.h - the bound of everything whose size comes from outside. Beyond it: ERR_LIMIT.
 * Bytes unless the name says otherwise.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* names and paths; Linux's PATH_MAX counts the NUL, archives may carry longer names, we do not */
#define LIMIT_PATH         4095u
#define LIMIT_NAME         255u
#define LIMIT_SYMLINK      4095u
#define LIMIT_SYMLINK_HOPS 40u /* as the kernel's MAXSYMLINKS */

/* tar */
#define LIMIT_PAX_HEADER   ((size_t)1 << 20)  /* one extended header; Go and bsdtar use 1 MiB too */
#define LIMIT_XATTR_VALUE  ((size_t)64 << 10) /* the kernel's XATTR_SIZE_MAX */
#define LIMIT_XATTR_TOTAL  ((size_t)256 << 10)
#define LIMIT_SPARSE_PARTS 1000000u            /* data runs of one sparse file */
#define LIMIT_FILE_SIZE    ((uint64_t)1 << 43) /* 8 TiB: ext4's largest is 16 */

/* images */
#define LIMIT_MANIFEST      ((size_t)4 << 20)  /* distribution-spec: registries should take 4 MiB */
#define LIMIT_INDEX         ((size_t)64 << 20) /* index.json of a layout */
#define LIMIT_CONFIG        ((size_t)16 << 20)
#define LIMIT_LAYERS        4096u /* of one image; docker stops at 127 */
#define LIMIT_INDEX_ENTRIES 100000u
#define LIMIT_JSON_DEPTH    64u
#define LIMIT_TREE_NODES    50000000u /* names in one root file system */
#define LIMIT_VARIABLES     10000u /* an image's environment, its labels, a stage's ARGs: of each */

/* Dockerfile (spec 1.1) and .dockerignore */
#define LIMIT_DOCKERFILE      ((size_t)16 << 20)
#define LIMIT_DOCKERFILE_LINE 65535u
#define LIMIT_STAGES          1000u
#define LIMIT_DOCKERIGNORE    ((size_t)1 << 20)
#define LIMIT_PASSWD          ((size_t)10 << 20)  /* etc/passwd, etc/group of an image (spec 5.3) */
#define LIMIT_EXPANSION       ((size_t)1 << 20)   /* one expanded word */
#define LIMIT_EXPANSIONS      ((size_t)32 << 20)  /* all that a Dockerfile's variables become */
#define LIMIT_STAGES_MEMORY   ((size_t)512 << 20) /* configurations of all stages that are in use */
#define LIMIT_RUN_MOUNTS      64u                 /* of one RUN */
#define LIMIT_SECRET          ((size_t)500 << 10) /* as BuildKit's */
#define LIMIT_RUN_TEXT        ((size_t)16 << 20)  /* what a RUN hands to its shell */

/* registry and HTTP */
#define LIMIT_HTTP_HEADERS    ((size_t)256 << 10)
#define LIMIT_HTTP_ERROR_BODY ((size_t)64 << 10)
#define LIMIT_TOKEN_BODY      ((size_t)1 << 20)
#define LIMIT_AUTH_FILE       ((size_t)4 << 20)
#define LIMIT_REDIRECTS       10u

/* git */
#define LIMIT_GIT_OBJECTS    20000000u           /* of one repository */
#define LIMIT_GIT_FILES      2000000u            /* of one checkout, submodules included */
#define LIMIT_GIT_TREE       ((size_t)64 << 20)  /* one directory; a million entries */
#define LIMIT_GIT_INDEX      ((size_t)512 << 20) /* of a checkout, in a .git directory */
#define LIMIT_GIT_REFS       ((size_t)256 << 20) /* what a server lists */
#define LIMIT_GIT_SUBMODULES 1000u
#define LIMIT_GIT_DEPTH      10u /* submodules of submodules */

/* the machine */
#define LIMIT_CONTEXT   ((uint64_t)1 << 40) /* what an archive of a context unpacks to */
#define LIMIT_MOUNTINFO ((size_t)64 << 20)
