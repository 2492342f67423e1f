/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/glob.h - what file name patterns are made of; glob_match() and glob_has_wildcard()
 * themselves are in ignore.h. Internal to dockerfile/.
 */
#pragma once

#include "dockerfile/ignore.h"

/* '[' to ']' at the start of *rest, which is moved behind it; false when it is malformed. */
bool glob_take_class(Str *rest, Str *ret_class);

/* Is the character one of the class (brackets included, well-formed)? */
bool glob_class_holds(Str class, Str ch);

/* Are all classes closed and all escapes followed by something? */
bool glob_is_valid(Str pattern);
