# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TAP for the end-to-end scripts: each call below is one test and prints one line.
#
#   ok NAME COMMAND...           the command succeeds
#   fails NAME STATUS COMMAND... it fails with this exit status ("any": with any but 0); its output is in $output
#   is NAME GOT WANT             equal strings
#   like NAME TEXT REGEX         TEXT matches the extended regular expression
#   unlike NAME TEXT REGEX       no line of it matches
#   skip NAME REASON             one test that cannot run here
#   skip_all REASON              none of this script can; ends it
#   finish                       the plan line; the last call of every script
#
# Text that explains a failure is printed as "# " lines. A script that dies before finish counts as a failure.

tap_count=0
output=''

tap_say() { sed 's/^/# /' <<<"$*"; }

tap_result() { # STATUS NAME
    tap_count=$((tap_count + 1))
    if [ "$1" = 0 ]; then echo "ok $tap_count - $2"; else echo "not ok $tap_count - $2"; fi
}

ok() {
    local name=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    tap_result "$status" "$name"
    [ "$status" = 0 ] || tap_say "exit status $status: $*"$'\n'"$output"
}

fails() {
    local name=$1 want=$2 status=0
    shift 2
    output=$("$@" 2>&1) || status=$?
    if [ "$status" = "$want" ] || { [ "$want" = any ] && [ "$status" != 0 ]; }; then
        tap_result 0 "$name"
    else
        tap_result 1 "$name"
        tap_say "exit status $status, not $want: $*"$'\n'"$output"
    fi
}

is() {
    local status=0
    [ "$2" = "$3" ] || status=1
    tap_result "$status" "$1"
    [ "$status" = 0 ] || tap_say "$(diff -u --label want --label got <(printf '%s\n' "$3") <(printf '%s\n' "$2"))"
}

like() {
    local status=0
    [[ $2 =~ $3 ]] || status=1
    tap_result "$status" "$1"
    [ "$status" = 0 ] || tap_say "does not match $3:"$'\n'"$2"
}

unlike() { is "$1" "$(grep -E "$3" <<<"$2")" ''; }

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() { echo "1..$tap_count"; }
