/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/registry_opts.h - the options about registries, alike for every command that talks to one.
 */
#pragma once

#include "cli/settings.h"
#include "registry/registry.h"

/*
 * From the settings and the environment: KILN_REGISTRY_MIRROR, KILN_REGISTRY_MAP and kaniko's names
 * for them are added to what the command line says. On failure *ret still wants done().
 */
int registry_opts_fill(const Settings *s, Arena *a, RegistryOpts *ret, Err *err) must_check;
void registry_opts_done(RegistryOpts *o);
#define cleanup_registry_opts cleanup_with(registry_opts_done)
