/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/userns.h - be root of one's own user namespace when not root of the machine.
 *
 * An ordinary user may neither mount nor own files under other ids. In a user namespace it may
 * both, within the ids that are mapped into it. The whole builder enters, not only the RUN, because
 * it is the builder that unpacks and scans files which belong to those ids.
 *
 *      ids inside      0          1 ... 65536                     /etc/subuid has a range for the
 *                      user, newuidmap is there
 *      ids outside     the user   the user's subordinate ids
 *
 * Without subordinate ids only 0 is mapped: a RUN works as root, files have one owner
 * (Root.may_chown is false), and programs that change their user (apt's sandbox, su) fail.
 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

/*
 * Call it in main() before launcher_start(), and only when --isolation is not inplace. Does nothing
 * for root.
 * Returns 1 when this process is now root of a new user namespace, 0 when it was root before; -1
 * with ERR_UNSUPPORTED when user namespaces are not to be had here: nothing has changed then, and
 * main goes on unless a RUN turns up.
 */
int userns_enter(Err *err) must_check;

/* Has userns_enter() made this process root? */
bool userns_entered(void);

/* Is every id below 65536 mapped here, so that files can have the owners that images give them? */
bool userns_maps_all(void);

typedef struct IdRange {
    uint32_t start, count;
} IdRange;
typedef VEC(IdRange) IdRangeVec;

enum {
    LIMIT_ID_RANGES = 300 /* of one user; the kernel takes 340 lines in a map */
};

/*
 * The ranges that the text of /etc/subuid or /etc/subgid ("NAME:START:COUNT" a line, comments and
 * nonsense skipped) gives to the user, by name or by number; at most LIMIT_ID_RANGES. 'user' may be
 * empty when the name is not known.
 */
void subids_parse(Str text, Str user, uint32_t uid, IdRangeVec *ret);
