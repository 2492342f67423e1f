/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/error.h - a message becomes "NAME:LINE: message", the source line and a caret.
 * Internal to dockerfile/.
 */
#pragma once

#include "dockerfile/ast.h"

/*
 * Rewrite *err, keeping its kind, and set its line. Returns -1.
 *   pieces, n  how a joined line maps to the source; may be NULL
 *   at         what the error is about: within a piece or within src->text. Anything else: no caret
 *   line       to be named when 'at' is nowhere; 0 = the whole file is meant
 */
int error_show(const InstrSource *src, const LinePiece *pieces, size_t n, Str at, unsigned line,
               Err *err) must_check;
