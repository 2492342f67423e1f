/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/export.h - a finished image to where it is wanted: registries, layouts, archives.
 */
#pragma once

#include "build/image.h"

/* The image comes to this machine: into outputs, or into the store. */
bool export_is_local(const BuildRequest *req);

/* Before anything is built: can the outputs be written? */
int export_check_outputs(Builder *b, Err *err) must_check;
/* Before anything is built or sent: may we push? Asked once. */
int export_check_push(Builder *b, Err *err) must_check;

/*
 * Config and manifest are made and put into the store; then every output is written, then every tag
 * is pushed: blobs first (those not begun before, see build/push.h), the manifest last. Layers of
 * the base that the target registry has or can mount are never downloaded. Without outputs and push
 * the image is kept in the store under its tags.
 */
int export_image(Builder *b, const ImageConfig *config, const ImageLayerVec *layers,
                 BuildResult *ret, Err *err) must_check;
