/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mount_mark.h"

#include <sys/stat.h>

#include "base/limits.h"
#include "codec/sha256.h"

static void add(Sha256 *h, const Node *n, Buf *line)
{
    const Inode *i = n->inode;

    node_path_to(n, line);
    buf_add_char(line, '\0');
    buf_addf(line, "%llu %llu %lld %o", (unsigned long long)i->ino, (unsigned long long)i->size,
             (long long)i->ctime_ns, i->mode);
    buf_add_char(line, '\0');
    sha256_update(h, line->p, line->n);
}

/* Not the directory itself: its mode and owner are the mount's. */
static int add_all(Sha256 *h, Tree *t, Err *err)
{
    cleanup_buf Buf line = BUF_INIT(LIMIT_PATH + 128);
    const Node *top = tree_root(t), *n = top->inode->children;

    while (n) {
        add(h, n, &line);
        if (node_is_dir(n) && n->inode->children) {
            n = n->inode->children;
            continue;
        }
        while (n && n != top && !n->next)
            n = n->parent;
        n = n && n != top ? n->next : NULL;
    }
    return buf_check(&line, "a path", err);
}

int mount_mark(int dir_fd, Tree *t, Digest *ret, Err *err)
{
    cleanup_with(sha256_free_at) Sha256 *h = sha256_new();
    unsigned char sum[SHA256_BYTES];
    struct stat st;

    if (fstat(dir_fd, &st) < 0)
        return err_sys(err, "stat");
    sha256_update(h, &st.st_dev, sizeof(st.st_dev));
    sha256_update(h, &st.st_ino, sizeof(st.st_ino));
    TRY(add_all(h, t, err));
    sha256_final(h, sum);
    *ret = digest_from_sha256(sum);
    return 0;
}
