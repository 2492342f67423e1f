#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The release image in an ordinary container (default capabilities, default seccomp profile): the workshop, in place.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"
. "$lab_lib/workshop.sh"

lab_need docker-registry skopeo umoci dpkg-deb getcap || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1
workshop_prepare && lab_registry_start || exit 1

in_container() { kiln_in lab_podman -v "$LAB/workshop:/workspace:ro" -v "$LAB/devel:/devel:ro" -- --isolation inplace "$@"; }

workshop_suite "in place" in_container
finish
