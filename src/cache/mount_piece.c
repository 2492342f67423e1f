/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mount_piece.h"

#include "base/num.h"
#include "codec/zstd.h"
#include "tree/scan.h"

MountPiece *mount_piece_new(const MountPlace *m, Arena *a, const MountChunk *chunk, unsigned scale)
{
    MountPiece *p = arena_new(a, MountPiece);

    *p = (MountPiece){.m = m, .chunk = *chunk, .scale = scale, .bytes = BUF_INIT(chunk_max(scale))};
    return p;
}

enum {
    BYTES_ON_WAY = 16 << 20 /* uncompressed */
};

size_t mount_tasks(unsigned scale)
{
    size_t n = BYTES_ON_WAY / chunk_max(scale);

    return n > MOUNT_TASKS_MAX ? MOUNT_TASKS_MAX : n < 2 ? 2 : n;
}

int mount_piece_join(MountPiece *p, Err *err)
{
    return p->task ? task_join(steal_ptr(&p->task), err) : 0;
}

void mount_pieces_abandon(MountPiece **v, size_t n)
{
    Err ignored;

    for (size_t i = 0; i < n; i++) {
        (void)!mount_piece_join(v[i], &ignored);
        buf_done(&v[i]->bytes);
    }
}

int mount_piece_send(void *arg, Err *err)
{
    MountPiece *p = arg;
    cleanup_buf Buf packed = BUF_INIT(MOUNT_CHUNK_PACKED_MAX(p->scale));
    cleanup_with(zstd_writer_free_at) ZstdWriter *z = NULL;
    BufWriter to = buf_writer(&packed);

    TRY(zstd_writer_new(0, 1, &to.w, &z, err));
    TRY(writer_write(zstd_writer(z), p->bytes.p, p->bytes.n, err));
    TRY(zstd_writer_finish(z, err));
    buf_done(&p->bytes);
    p->chunk.desc.digest = digest_of(buf_str(&packed));
    p->chunk.desc.size = packed.n;
    return cache_repo_put_blob(p->m->repo, &p->chunk.desc, buf_str(&packed), p->m->scratch, err);
}

int mount_piece_fetch(void *arg, Err *err)
{
    MountPiece *p = arg;
    cleanup_buf Buf packed = BUF_INIT(MOUNT_CHUNK_PACKED_MAX(p->scale));
    cleanup_with(decoder_free_at) Decoder *d = NULL;
    MemReader from;
    Digest is;

    TRY(cache_repo_get_blob(p->m->repo, &p->chunk.desc, p->m->scratch, &packed, err));
    from = mem_reader(buf_str(&packed));
    TRY(decoder_new(COMPRESSION_ZSTD, &from.r, &d, err));
    TRY(reader_read_all(decoder_reader(d), &p->bytes, "a chunk", err));
    is = digest_of(buf_str(&p->bytes));
    if (!digest_eq(&is, &p->chunk.raw))
        return err_set(err, ERR_DIGEST, "a chunk is not what it says: %s instead of %s", is.text,
                       p->chunk.raw.text);
    return 0;
}

int mount_scan(const MountPlace *m, Tree *t, Err *err)
{
    ScanOpts o = {.root_fd = m->dir_fd, .ignore_owner = !m->may_chown, .pool = m->pool};

    return scan_changes(t, &o, err);
}

int mount_too_large(const MountPlace *m, Err *err)
{
    return err_set(err, ERR_LIMIT, "it is larger than %s", num_format_bytes(m->limit_bytes).z);
}
