/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree/tree.h - a root file system as a value in memory.
 *
 *      Node (a name in a directory) --> Inode (what it stands for) --> where the bytes are
 *
 * Hard links are several Nodes with one Inode. A Tree is filled from the headers of layers, from a
 * directory on disk, or by edits; the disk is only a materialisation of it. About 150 bytes a file.
 *
 * Ownership  nodes and inodes live as long as the Tree, also after tree_remove() (they are then
 *            marked NODE_REMOVED), so pointers to them never dangle.
 * Paths      relative to the root, "" is the root, no leading '/', no "." or "..", unless a
 *            function says that it resolves.
 * Threads    one Tree, one thread; but any number may read while none writes.
 * Limits     LIMIT_TREE_NODES names of at most LIMIT_NAME bytes: ERR_LIMIT. "", ".", ".." and what
 *            holds a '/' or a NUL is no name: ERR_FORMAT.
 */
#pragma once

#include <sys/stat.h>

#include "base/path.h"
#include "base/vec.h"
#include "os/xattr.h"

typedef struct Tree Tree;
typedef struct Node Node;
typedef struct Inode Inode;

enum {
    NODE_REMOVED = 1 << 0,     /* no longer in the tree */
    NODE_DIRTY = 1 << 1,       /* to be written into the layer being made (layer/write.h) */
    NODE_DIRTY_BELOW = 1 << 2, /* some descendant is, or was deleted */
    NODE_NEW = 1 << 3,         /* was not there when the layer being made was begun */
    NODE_ABSENT = 1 << 4,      /* not on the disk: could not be made, or a mount is in the way */
    NODE_SEEN = 1 << 5,        /* tree/scan.c only */
    NODE_UNREAD = 1 << 6,      /* a directory that the loader has not been asked for yet */
    NODE_STALE_TIME = 1 << 7,  /* layer/disk.c only */
};

struct Node {
    Node *parent;      /* NULL for the root */
    Node *next, *prev; /* siblings, in no order */
    Node *chain;       /* hash table */
    Inode *inode;
    uint32_t hash;
    uint16_t layer; /* the layer that last mentioned the name: 1 = lowest, 0 = none */
    uint8_t flags;
    uint8_t name_n; /* bytes of name */
    char name[];    /* NUL-terminated */
};

/* Where a regular file's bytes are. */
typedef struct Content {
    const Node *source; /* in another Tree (a context, a stage), or NULL: */
    uint64_t offset;    /* of the entry's header in the uncompressed archive of 'layer' */
    uint32_t layer;     /* 1 = lowest of the image; 0 = only on the disk, at the node's path */
} Content;

struct Inode {
    uint64_t size; /* bytes; regular files */
    int64_t mtime_ns;
    Xattrs *xattrs; /* owned by the tree; NULL = none */
    union {
        Node *children;     /* directory: first child */
        const char *target; /* symlink */
        dev_t rdev;         /* device */
        Content content;    /* regular file */
    };
    uint32_t mode; /* type and permission bits, as st_mode */
    uint32_t uid, gid;
    uint32_t nlink; /* Nodes that share it; of a directory 1 */
    /* As last seen on the materialised disk (tree/scan.h); ctime_ns 0 = never. */
    uint64_t ino;
    int64_t ctime_ns;
};

Tree *tree_new(void); /* with an empty root directory, 0755 0:0, mtime 0 */
void tree_free(Tree *t);
CLEANUP_DEFINE(Tree, tree_free);
/* Names, inodes and link groups, but not the disk stamps; of fully read trees only. */
Tree *tree_clone(const Tree *from);
/* The same of what is below one directory, which becomes the root. */
Tree *tree_clone_below(const Node *from);

Node *tree_root(const Tree *t);
size_t tree_count(const Tree *t); /* nodes in the tree, the root included */

static inline bool node_is_dir(const Node *n)
{
    return S_ISDIR(n->inode->mode);
}
static inline Str node_name(const Node *n)
{
    return (Str){n->name, n->name_n};
}

/* The node's path; lives as long as the arena. */
Str node_path(const Node *n, Arena *a);
/* The same into a buffer that is cleared first: for loops. */
void node_path_to(const Node *n, Buf *out);

/* --- making --- */

Inode *tree_inode_new(Tree *t, uint32_t mode);        /* nlink 0, everything else zero */
void inode_set_target(Tree *t, Inode *i, Str target); /* copied */
void inode_set_xattrs(Tree *t, Inode *i, Xattrs *taken);

/* 'dir' must be a directory without that name. Takes a link on the inode. */
int tree_add(Tree *t, Node *dir, Str name, Inode *i, Node **ret, Err *err) must_check;
void tree_remove(Tree *t, Node *n); /* with everything below; not the root */
void node_set_inode(
    Node *n,
    Inode *i); /* another inode under the same name; of a directory only when it is empty */

/* --- looking up --- */

/*
 * The name in a directory; NULL when it is not there. The directory must have been read
 * (tree_read_dir).
 */
Node *tree_child(const Tree *t, const Node *dir, Str name);

/*
 * Resolve as the kernel would with the tree's root as "/": symlinks followed (the last component's
 * only with follow_last), ".." stopped at the root. What does not exist is kept as it is written,
 * so *ret is the path where something would be created. Canonical: no component of it that exists
 * is a symlink (but perhaps the last). ERR_SYS with ELOOP; ENOTDIR when a file stands in the way;
 * ERR_LIMIT when the result is longer than LIMIT_PATH.
 */
int tree_canonical(Tree *t, Arena *a, Str path, bool follow_last, Str *ret, Err *err) must_check;

/* Node at a canonical path; NULL when absent. */
int tree_at(Tree *t, Str canonical, Node **ret, Err *err) must_check;

/* Both: *ret = NULL when it does not exist (a dangling symlink included). */
int tree_lookup(Tree *t, Str path, bool follow_last, Node **ret, Err *err) must_check;

/* Children sorted by name; the array is the caller's (vec_done). */
typedef VEC(Node *) NodeVec;
int tree_list(Tree *t, Node *dir, NodeVec *ret, Err *err) must_check;

/* --- reading directories on demand --- */

typedef struct TreeLoader TreeLoader;
struct TreeLoader {
    /* Add the entries of 'dir' (tree_add); sub-directories get NODE_UNREAD. */
    int (*read_dir)(TreeLoader *self, Tree *t, Node *dir, Err *err);
};

void tree_set_loader(Tree *t, TreeLoader *borrowed);        /* marks the root NODE_UNREAD */
int tree_read_dir(Tree *t, Node *dir, Err *err) must_check; /* no-op when it has been read */

/* The newest ctime remembered of any inode, for scan_settle(). */
int64_t tree_newest_ctime(const Tree *t);
void tree_note_ctime(Tree *t, int64_t ctime_ns);

/*
 * --- changes since the last layer (layer/write.h writes them, tree/scan.h and build/ make them)
 * ---
 */

typedef struct Deletion {
    Node *dir;
    Str name;
} Deletion;

void tree_mark_dirty(
    Node *n); /* the node is to be in the next layer; its ancestors are NODE_DIRTY_BELOW */
void tree_mark_deleted(Tree *t, Node *dir, Str name); /* a whiteout is to be in the next layer */
const Deletion *tree_deletions(const Tree *t, size_t *ret_n); /* in no order */
void tree_forget_deletions(Tree *t);
