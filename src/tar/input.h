/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar/input.h - the reader's side of the stream: blocks and data, with the position kept.
 *
 * Ownership  borrows the Reader; the buffer is its own, from init to done.
 * Internal   to tar/.
 */
#pragma once

#include "tar/header.h"

typedef struct TarInput {
    Reader *in;
    unsigned char *buf;
    size_t at, end;  /* buf[at..end) is read, but not yet asked for */
    uint64_t offset; /* of the next byte handed out, from the start of the archive */
} TarInput;

void tar_input_init(TarInput *t, Reader *in);
void tar_input_done(TarInput *t);

/*
 * 1: *ret is the next 512 bytes, until the next call. 0: the stream ended just here. ERR_FORMAT
 * within.
 */
int tar_input_block(TarInput *t, const TarBlock **ret, Err *err) must_check;

/* As a Reader's read; large requests go to the stream without a copy. */
ssize_t tar_input_read(TarInput *t, void *p, size_t n, Err *err) must_check;

/* Pass over n bytes; *ret_missing is how many of them the stream did not have. */
int tar_input_skip(TarInput *t, uint64_t n, uint64_t *ret_missing, Err *err) must_check;

/* Read to the end of the stream. */
int tar_input_drain(TarInput *t, Err *err) must_check;
