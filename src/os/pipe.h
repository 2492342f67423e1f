/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/pipe.h - a bounded queue of bytes between two threads: what one reads in, the other reads out.
 *
 *      pipe_fill():  Reader -> [ block ][ block ][ block ] -> pipe_reader()
 *                               `--- tap: every byte, in order
 *
 * Joins the stages of a stream that should run on different cores (inflate | unpack). Work that
 * only looks at the bytes (a hash) is the tap's: it is done by whichever side would otherwise wait
 * for the other, so that both cores are busy whichever side is the slower one. When the reader has
 * seen the end, the tap has seen everything.
 *
 * The reader gets the filling side's error, that side gets ERR_CANCELLED when the reader has left.
 * What is there can be read at once. One thread on each side; neither end needs the other to be
 * running.
 */
#pragma once

#include "base/io.h"

typedef struct Pipe Pipe;
typedef void PipeTap(void *ctx, const void *p, size_t n); /* on either thread, one at a time */

/* blocks: of IO_BLOCK bytes, at least 2. tap may be NULL. */
Pipe *pipe_new(size_t blocks, PipeTap *tap, void *ctx);
void pipe_free(Pipe *p); /* when neither side uses it any more */
CLEANUP_DEFINE(Pipe, pipe_free);

/* Read 'in' to its end, straight into the blocks. Any number of times before pipe_close_write(). */
int pipe_fill(Pipe *p, Reader *in, Err *err) must_check;
/* The same by pushing: bytes collect in a block, which the reader gets when it is full. */
Writer *pipe_writer(Pipe *p);
/*
 * The filling side is done; cause = NULL at a good end, else the reader's next read past the data
 * fails with it. Closing again changes nothing: a first, exact cause stays.
 */
void pipe_close_write(Pipe *p, const Err *cause);

Reader *pipe_reader(Pipe *p);
void pipe_close_read(Pipe *p); /* the reader leaves early: filling fails from now on */
