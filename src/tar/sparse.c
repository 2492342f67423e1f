/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the format, the bytes stored are the runs one behind the other, and their lengths add up to exactly
 * what is stored; a map that says otherwise is refused before a byte of the file is given out.
 *
 * Writing has one more rule. GNU tar reads (and writes) every run in whole blocks, so that a run whose length is
 * not a multiple of 512 is followed by padding; everybody else puts the next run straight behind it. A map in which
 * only the run that ends the file is odd means the same to all:
 *
 *     caller    |--data--|      hole      |-data-|     hole    |
 *     stored    |--data--000|             |-data-0|            |    zeros up to a block, or up to the next run,
 *                                                                   which is then part of the same one
 */
#include "tar/sparse.h"

#include "base/limits.h"
#include "base/num.h"

int sparse_add(TarRuns *to, uint64_t at, uint64_t n, Err *err)
{
    TarRun r = {.at = at, .n = n};

    if (to->n == LIMIT_SPARSE_PARTS)
        return err_set(err, ERR_LIMIT, "a sparse file of more than %u parts", LIMIT_SPARSE_PARTS);
    vec_push(to, r);
    return 0;
}

static int add_old(const TarBlockRun *v, size_t n, TarRuns *to, Err *err)
{
    for (size_t i = 0; i < n; i++) {
        int64_t at, length;

        /* An unused pair begins with a NUL; GNU tar looks at the length, Go at the offset. */
        if (v[i].at[0] == '\0' || v[i].n[0] == '\0')
            return 0;
        if (!tar_number(v[i].at, sizeof(v[i].at), &at) ||
            !tar_number(v[i].n, sizeof(v[i].n), &length) || at < 0 || length < 0)
            return err_set(err, ERR_FORMAT, "the sparse map has an invalid number");
        TRY(sparse_add(to, (uint64_t)at, (uint64_t)length, err));
    }
    return 0;
}

int sparse_read_old(const TarBlock *b, TarInput *in, TarRuns *to, uint64_t *ret_real_size, Err *err)
{
    const char *size = b->tail.gnu.real_size;
    bool more = b->tail.gnu.extended != '\0';
    int64_t real_size;

    if (!tar_number(size, sizeof(b->tail.gnu.real_size), &real_size) || real_size < 0)
        return err_set(err, ERR_FORMAT, "the sparse file has no valid size");
    if ((uint64_t)real_size > LIMIT_FILE_SIZE)
        return err_set(err, ERR_LIMIT, "size is larger than %llu bytes",
                       (unsigned long long)LIMIT_FILE_SIZE);
    TRY(add_old(b->tail.gnu.runs, ARRAY_LEN(b->tail.gnu.runs), to, err));
    while (more) {
        const TarBlock *block;
        const TarBlockRuns *next;
        int r = tar_input_block(in, &block, err);

        TRY(r);
        if (r == 0)
            return err_set(err, ERR_FORMAT, "the archive ends within a sparse map");
        next = (const TarBlockRuns *)(const void *)block;
        TRY(add_old(next->runs, ARRAY_LEN(next->runs), to, err));
        more = next->extended != '\0';
    }
    *ret_real_size = (uint64_t)real_size;
    return 0;
}

int sparse_parse_list(Str text, TarRuns *to, Err *err)
{
    Str rest = text, at_text, n_text;
    uint64_t at, n;

    if (text.n == 0)
        return 0;
    while (str_next(&rest, ',', &at_text)) {
        if (!str_next(&rest, ',', &n_text) || !num_parse_u64(at_text, UINT64_MAX, &at) ||
            !num_parse_u64(n_text, UINT64_MAX, &n))
            return err_set(err, ERR_FORMAT, "GNU.sparse.map is not a list of pairs");
        TRY(sparse_add(to, at, n, err));
    }
    return 0;
}

/* The lines of a 1.0 map, a number each, out of as many blocks as they need. */
typedef struct MapLines {
    TarInput *in;
    uint64_t stored; /* bytes of the file's data that are left */
    Str rest;        /* of the current block */
} MapLines;

static int lines_char(MapLines *l, char *ret, Err *err)
{
    if (l->rest.n == 0) {
        const TarBlock *block;
        int r;

        if (l->stored < TAR_BLOCK)
            return err_set(err, ERR_FORMAT, "the sparse map is longer than the file's data");
        r = tar_input_block(l->in, &block, err);
        TRY(r);
        if (r == 0)
            return err_set(err, ERR_FORMAT, "the archive ends within a sparse map");
        l->stored -= TAR_BLOCK;
        l->rest = (Str){(const char *)block, TAR_BLOCK};
    }
    *ret = l->rest.p[0];
    l->rest = str_skip(l->rest, 1);
    return 0;
}

static int lines_number(MapLines *l, uint64_t *ret, Err *err)
{
    char digits[20];
    size_t n = 0;
    char c;

    for (;;) {
        TRY(lines_char(l, &c, err));
        if (c == '\n')
            break;
        if (n == sizeof(digits))
            return err_set(err, ERR_FORMAT, "the sparse map has an invalid number");
        digits[n++] = c;
    }
    if (!num_parse_u64((Str){digits, n}, UINT64_MAX, ret))
        return err_set(err, ERR_FORMAT, "the sparse map has an invalid number");
    return 0;
}

int sparse_read_map(TarInput *in, uint64_t *stored, TarRuns *to, Err *err)
{
    MapLines lines = {.in = in, .stored = *stored};
    uint64_t count, at, n;

    TRY(lines_number(&lines, &count, err));
    if (count > LIMIT_SPARSE_PARTS)
        return err_set(err, ERR_LIMIT, "a sparse file of more than %u parts", LIMIT_SPARSE_PARTS);
    for (uint64_t i = 0; i < count; i++) {
        TRY(lines_number(&lines, &at, err));
        TRY(lines_number(&lines, &n, err));
        TRY(sparse_add(to, at, n, err));
    }
    *stored = lines.stored;
    return 0;
}

int sparse_check(const TarRun *runs, size_t n_runs, uint64_t size, Err *err)
{
    uint64_t end = 0;

    for (size_t i = 0; i < n_runs; i++) {
        if (runs[i].at < end)
            return err_set(err, ERR_FORMAT, "the parts of a sparse file overlap");
        if (runs[i].at > size || runs[i].n > size - runs[i].at)
            return err_set(err, ERR_FORMAT, "a part of a sparse file lies beyond its end");
        end = runs[i].at + runs[i].n;
    }
    return 0;
}

int sparse_check_stored(const TarRuns *runs, uint64_t stored, Err *err)
{
    uint64_t sum = 0;

    vec_foreach(r, runs)
        sum += r->n; /* they do not overlap: at most the size */
    if (sum != stored)
        return err_set(err, ERR_FORMAT, "the sparse map does not fit the data");
    return 0;
}

/* Where the run that begins at 'at' and has data up to 'end' ends in the map. */
static uint64_t rounded_end(uint64_t at, uint64_t end, uint64_t size)
{
    uint64_t n = (end - at + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;

    return n < size - at ? at + n : size;
}

/* Where the last run ends; 0 for none. */
static uint64_t map_end(const TarRuns *map)
{
    return map->n ? map->v[map->n - 1].at + map->v[map->n - 1].n : 0;
}

int sparse_lay_out(const TarRun *runs, size_t n_runs, uint64_t size, TarRuns *map,
                   SparsePieces *pieces, Err *err)
{
    uint64_t end = 0; /* of the data in the last run of the map */

    TRY(sparse_check(runs, n_runs, size, err));
    for (size_t i = 0; i < n_runs; i++) {
        SparsePiece piece = {.data = runs[i].n};
        TarRun *last;

        if (runs[i].n == 0)
            continue;
        if (map->n > 0 && runs[i].at <= map_end(map))
            pieces->v[pieces->n - 1].zeros = runs[i].at - end;
        else
            TRY(sparse_add(map, runs[i].at, 0, err));
        last = &map->v[map->n - 1];
        end = runs[i].at + runs[i].n;
        last->n = rounded_end(last->at, end, size) - last->at;
        piece.zeros = map_end(map) - end;
        vec_push(pieces, piece);
    }
    /* GNU tar makes a file only as long as its last run: a hole at the end wants an empty one. */
    if (map->n == 0 || map_end(map) < size)
        return sparse_add(map, size, 0, err);
    return 0;
}

void sparse_format_map(const TarRuns *map, Buf *to)
{
    static const char zero[TAR_BLOCK];

    buf_addf(to, "%zu\n", map->n);
    vec_foreach(r, map)
        buf_addf(to, "%llu\n%llu\n", (unsigned long long)r->at, (unsigned long long)r->n);
    buf_append(to, zero, (TAR_BLOCK - to->n % TAR_BLOCK) % TAR_BLOCK);
}
