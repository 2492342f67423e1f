/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/inline.h - heredocs of COPY and ADD as files of a tree: COPY <<EOF /etc/motd.
 */
#pragma once

#include "build/steps.h"

typedef struct InlineFiles {
    FileSource s;
    Tree *tree;      /* one file a heredoc, in the root; mode 0644 */
    StrVec contents; /* indexed by Content.offset; live in the stage's arena */
} InlineFiles;

void inline_init(InlineFiles *f);
void inline_done(InlineFiles *f);

/* Add one, its body expanded unless its name was quoted. *ret is its node. */
int inline_add(InlineFiles *f, StageBuild *s, const Heredoc *h, Node **ret, Err *err) must_check;
