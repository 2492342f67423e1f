#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The release image in an ordinary container: the workshop in namespaces of its own, where the runtime lets a container make them.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"
. "$lab_lib/workshop.sh"

lab_need docker-registry skopeo umoci dpkg-deb getcap || skip_all "$lab_reason"
lab_can_podman || skip_all "$lab_reason"
container_image || exit 1
workshop_prepare && lab_registry_start || exit 1

in_container() { kiln_in lab_podman -v "$LAB/workshop:/workspace:ro" -v "$LAB/devel:/devel:ro" -- --isolation namespaces "$@"; }

workshop_suite "namespaces" in_container
finish
