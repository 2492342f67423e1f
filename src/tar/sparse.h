/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/sparse.h - where the data of a sparse file lies: the four ways archives say it, as one list
 * of runs.
 *
 * Errors    ERR_FORMAT; ERR_LIMIT beyond LIMIT_SPARSE_PARTS runs.
 * Internal  to tar/.
 */
#pragma once

#include "base/vec.h"
#include "tar/input.h"

typedef VEC(TarRun) TarRuns;

int sparse_add(TarRuns *to, uint64_t at, uint64_t n, Err *err) must_check;

/* Old GNU: in the header 'b' and the blocks that follow it. 'to' is empty. */
int sparse_read_old(const TarBlock *b, TarInput *in, TarRuns *to, uint64_t *ret_real_size, Err *err)
    must_check;

/* PAX 0.1: "offset,length,offset,length". 'to' is empty. */
int sparse_parse_list(Str text, TarRuns *to, Err *err) must_check;

/* PAX 1.0: lines in the first blocks of the data, which are taken off *stored. 'to' is empty. */
int sparse_read_map(TarInput *in, uint64_t *stored, TarRuns *to, Err *err) must_check;

/* The runs are in order, apart, and within the file. */
int sparse_check(const TarRun *runs, size_t n_runs, uint64_t size, Err *err) must_check;

/* All that is stored belongs to a run. Checked runs only. */
int sparse_check_stored(const TarRuns *runs, uint64_t stored, Err *err) must_check;

/*
 * How a file is laid out in PAX 1.0. 'runs' is the map; 'pieces' says what follows it: so many
 * bytes of the caller's, then so many zeros, and so on.
 */
typedef struct SparsePiece {
    uint64_t data, zeros;
} SparsePiece;
typedef VEC(SparsePiece) SparsePieces;

/* Checks the runs and lays them out. 'map' and 'pieces' are empty. */
int sparse_lay_out(const TarRun *runs, size_t n_runs, uint64_t size, TarRuns *map,
                   SparsePieces *pieces, Err *err) must_check;

/* The text of a map, padded to whole blocks. */
void sparse_format_map(const TarRuns *map, Buf *to);
