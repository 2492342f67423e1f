/* SPDX-License-Identifier: Apache-2.0 */
#include "build/inline.h"

#include <sys/mman.h>

#include "os/fd.h"

/* The layer is written from descriptors: a heredoc becomes one that has no name anywhere. */
static int open_inline(FileSource *self, const Node *n, OpenFile *ret, Err *err)
{
    const InlineFiles *f = (const InlineFiles *)self;
    Str text = f->contents.v[n->inode->content.offset];
    cleanup_close int fd = memfd_create("heredoc", MFD_CLOEXEC);

    if (fd < 0)
        return err_sys(err, "memfd_create");
    TRY(fd_write_all(fd, text.p, text.n, err));
    *ret = (OpenFile){steal_fd(&fd), 0};
    return 0;
}

void inline_init(InlineFiles *f)
{
    *f = (InlineFiles){.s = {open_inline}, .tree = tree_new()};
}

void inline_done(InlineFiles *f)
{
    tree_free(f->tree);
    vec_done(&f->contents);
}

int inline_add(InlineFiles *f, StageBuild *s, const Heredoc *h, Node **ret, Err *err)
{
    Str text = h->body, name = path_base(h->name);
    Node *old = tree_child(f->tree, tree_root(f->tree), name);
    Inode *i;

    if (h->expand)
        TRY(scope_expand_body(&s->scope, h->body, &text, err));
    if (old)
        tree_remove(f->tree, old); /* a name used twice: the later one */
    i = tree_inode_new(f->tree, S_IFREG | 0644);
    i->size = text.n;
    i->mtime_ns = stage_dir_time(s);
    i->content.offset = f->contents.n;
    vec_push(&f->contents, text);
    return tree_add(f->tree, tree_root(f->tree), name, i, ret, err);
}
