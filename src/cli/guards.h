/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/guards.h - what keeps a process whose "/" is going to be replaced from taking orders out of
 * the image.
 */
#pragma once

/*
 * First thing in main(). In the release image (built with -Drelease=true) nothing outside its own
 * directory is read as configuration or loaded as code from here on; elsewhere the machine's own
 * settings count and this does nothing.
 */
void guards_install(void);
