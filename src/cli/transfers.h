/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/transfers.h - what is said about long transfers while they go on.
 *
 *      on a terminal   one line at its bottom that is drawn over and over (log_status()): of one
 *                      transfer its name, of several how many; bytes, of how many, how fast
 *      elsewhere, CI   a plain line every ten seconds
 *
 * and one line at the end of those that took ten seconds or more. Short ones are silent.
 */
#pragma once

#include "base/io.h"

/* 'plain': nobody looks at a terminal, whatever stderr is. Before any thread. */
void transfers_begin(bool plain);
/* A command writes to the terminal by itself, or no more: no line is drawn meanwhile. */
void transfers_pause(bool paused);
/* Nothing is drawn from now on, and nothing is left. */
void transfers_end(void);

void transfers_told(Str what, uint64_t done, uint64_t total); /* a TransferFn */
/* The same at a time of the caller's own, which a test need not wait for. */
void transfers_told_at(Str what, uint64_t done, uint64_t total, int64_t now_ms);
