/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os/pipe.h - a bounded queue of bytes between two threads: what one writes, the other reads.
 *
 * Joins the stages of a stream that should run on different cores (inflate | hash and unpack). The
 * reader gets the writer's error, the writer gets ERR_CANCELLED when the reader has left. What is
 * written can be read at once. One thread on each side; neither end needs the other to be running.
 */
#pragma once

#include "base/io.h"

typedef struct Pipe Pipe;

Pipe *pipe_new(size_t capacity); /* bytes, rounded up to whole blocks of IO_BLOCK, at least one */
void pipe_free(Pipe *p);         /* when neither side uses it any more */
CLEANUP_DEFINE(Pipe, pipe_free);

Writer *pipe_writer(Pipe *p);
/*
 * The writer is done; cause = NULL at a good end, else the reader's next read past the data fails
 * with it. Closing again changes nothing: a first, exact cause stays.
 */
void pipe_close_write(Pipe *p, const Err *cause);

Reader *pipe_reader(Pipe *p);
void pipe_close_read(Pipe *p); /* the reader leaves early: writes fail from now on */
