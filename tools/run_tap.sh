#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run one TAP script with a time limit and add what it reports to $RESULTS: run_tap.sh SCRIPT
set -u
name=cli/$(basename "$1" .sh)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
timeout --kill-after=10 600 bash "$1" >"$output" 2>&1 </dev/null
status=$?
python3 "$(dirname "$0")/tally.py" tap "$RESULTS" "$name" "$status" "$output" "$SECONDS"
