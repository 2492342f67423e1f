#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The workshop without a container around it: in namespaces as root, and as an ordinary user with a range of ids. All ways, in containers
# too (t0310, t0311, t0312), are held to the same expectations.
# shellcheck disable=SC2034,SC2154
. "$(dirname "$0")/../lib/lab.sh"
. "$lab_lib/container.sh"
. "$lab_lib/workshop.sh"

lab_need docker-registry skopeo umoci dpkg-deb getcap || skip_all "$lab_reason"
[ "$(id -u)" = 0 ] || skip_all "needs root"
lab_can_podman || skip_all "$lab_reason"
workshop_prepare && lab_registry_start || exit 1
workshop_devel=$LAB/devel
ln -s "$(realpath "$KILN")" "$LAB/executor"

as_root() { "$LAB/executor" --context "$LAB/workshop" --kiln-dir "$LAB/kiln-root" --isolation namespaces "$@"; }

as_user() { lab_user ids "$LAB_USER_HOME/executor" --context "$LAB/workshop" --kiln-dir "$LAB_USER_HOME/work" --isolation namespaces "$@"; }

workshop_suite "root" as_root
if lab_can_user; then
    lab_user ids true # makes the home
    cp "$KILN" "$LAB_USER_HOME/executor"
    workshop_suite "ordinary user" as_user
else
    skip "an ordinary user" "$lab_reason"
fi
finish
