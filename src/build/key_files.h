/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/key_files.h - the files that a COPY or ADD takes, as fields of a key: name, type, link
 * target, content, extended attributes, which are links of one another, and where the copy keeps
 * them the mode and the owner. Times are left out.
 */
#pragma once

#include "build/copy.h"
#include "build/step_key.h"

typedef struct KeyItem {
    Str path; /* below the source, with its name first */
    Node *node;
    bool name_only; /* a source directory itself: the copy has the destination's metadata */
} KeyItem;

typedef struct KeyFiles {
    StageBuild *s;
    const Step *step;
    Tree *tree;
    FileSource *files; /* NULL: */
    Rootfs *from;      /* they are this one's */
    bool keep_owner;
    bool new_mode; /* of files and directories: the copy gives them its own */
    bool whole;    /* taken as it is, whatever --exclude and --parents say */
    VEC(KeyItem) items;
    NodeVec regular;
} KeyFiles;

/* 'sources' are expanded. Mistakes are those that the copy itself would report. */
int key_files_add(KeyFiles *f, const StrVec *sources, Contents *c, KeyMaker *k, Err *err)
    must_check;
void key_files_done(KeyFiles *f);
