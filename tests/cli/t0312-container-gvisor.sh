#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The release image in gVisor: the workshop, in place. With --overlay, what newer gVisors do by default: the root file system is then
# the sandbox's own. (Without, gVisor caches the attributes of each name by itself: images are right, but a layer may repeat files of
# the one before, and hard links to old files become copies. t0320 runs like that.)
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"
. "$lab_lib/workshop.sh"

lab_need docker-registry skopeo umoci dpkg-deb getcap || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
lab_can_gvisor || skip_all "$lab_reason"
container_image || exit 1
workshop_prepare && lab_registry_start || exit 1

sed 's/exec runsc/exec runsc --overlay/' "$LAB/containers/gvisor" >"$LAB/containers/gvisor-overlay"
chmod +x "$LAB/containers/gvisor-overlay"
with_overlay() { lab_podman --runtime "$LAB/containers/gvisor-overlay" "$@"; }
in_container() { kiln_in with_overlay -v "$LAB/workshop:/workspace:ro" -v "$LAB/devel:/devel:ro" -- --isolation inplace "$@"; }

workshop_capabilities=no
workshop_suite "gVisor" in_container
finish
