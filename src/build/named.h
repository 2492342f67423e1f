/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/named.h - --build-context NAME=VALUE (spec/dockerfile 7): images, layouts, and files from
 * anywhere that a context can come from.
 *
 * NAME::PLATFORM counts before NAME. `scratch` and `context` are no names.
 */
#pragma once

#include "build/builder.h"

/* By that name, or by the familiar form of an image; NULL when there is none. */
const KeyValue *named_find(const Builder *b, Str name, const Platform *platform);
bool named_is_image(const KeyValue *named); /* docker-image://, oci-layout:// */

/*
 * The files behind a name, opened once and living as long as the builder; *ret = NULL when there is
 * no such name, or it is an image.
 */
int named_context(Builder *b, Str name, const Platform *platform, Context **ret, Err *err)
    must_check;
void named_done(Builder *b);
/* Have any of them failed behind our back, or are they not complete? */
int named_load_all(Builder *b, Err *err) must_check;
