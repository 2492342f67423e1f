/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/glob.h - what file name patterns are made of; what takes whole
 * patterns is in ignore.h. Internal to dockerfile/.
 */
#pragma once

#include "dockerfile/ignore.h"

/* '[' to ']' at the start of *rest, which is moved behind it; false when it is malformed. */
bool glob_take_class(Str *rest, Str *ret_class);

/* Is the character one of the class (brackets included, well-formed)? */
bool glob_class_holds(Str class, Str ch);
