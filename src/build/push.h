/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/push.h - the image's blobs into the repositories of its tags, in the background while later
 * steps run.
 *
 * Manifests are not this file's: what was sent for a build that fails then is a blob that no image
 * names, and the registry's own cleaning removes it.
 *
 * Threads  everything here is called by the building thread; the transfers run on a pool of their
 *          own.
 */
#pragma once

#include "build/image.h"

/*
 * Begin to send layers of the image that is being built, those that were not begun before. Nothing
 * happens when the build pushes nothing.
 */
int push_begin(Builder *b, const ImageLayerVec *layers, Err *err) must_check;

/*
 * Begin what is still missing, wait for all, count what was done in *ret. ERR_* of the first that
 * failed.
 */
int push_finish(Builder *b, const ImageLayerVec *layers, const Descriptor *config, BuildResult *ret,
                Err *err) must_check;

/*
 * For those who want to mount a layer from where it is being pushed to; NULL = it is not. Waiting
 * is for other threads than the pushes' own. True: the repositories have it.
 */
PushJob *push_find(const Builder *b, const Digest *d);
bool push_await(PushJob *j);

/* Wait for what was begun, whatever comes of it; for the end of the builder. */
void push_done(Builder *b);
