#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kiln lint and kiln build --check: what they look at, what they print in each format, exit statuses; and what an ordinary build does
# with findings.
. "$(dirname "$0")/../lib/lab.sh"

KILN=$(realpath "$KILN")
export KILN_DIR=$LAB/kiln SOURCE_DATE_EPOCH=1700000000
lab_base_busybox "$LAB/busybox"
lab_base_busybox "$LAB/arm" --platform linux/arm64
mkdir "$LAB/ctx"
cd "$LAB/ctx" || exit 1
base=(--build-context "base=oci-layout://$LAB/busybox")

dockerfile() { printf '%b\n' "$1" >"$LAB/ctx/Dockerfile"; }

# json PYTHON-EXPRESSION: of the document $output
json() { python3 -c 'import json, sys; j = json.loads(sys.argv[2]); print(eval(sys.argv[1]))' "$1" "$output"; }

# ---- lint

dockerfile 'FROM scratch AS fine\nCOPY . /'
is "nothing found, nothing printed" "$("$KILN" lint 2>/dev/null; echo $?)" 0
dockerfile 'FROM base AS Build\nMAINTAINER me\nUSER $WHO'
fails "findings" 1 "$KILN" lint .
like "with file, line and column" "$output" 'Dockerfile:1:14: StageNameCasing: .* \(line 1\)'
like "with the line and a caret" "$output" '    \|              \^~~~~'
unlike "what the base image may define is not complained about" "$output" UndefinedVar
is "on standard output" "$("$KILN" lint . 2>/dev/null | grep -c '^Dockerfile:')" 2
fails "a Dockerfile by its path" 1 "$KILN" lint "$LAB/ctx/Dockerfile"
like "which is named so" "$output" "$LAB/ctx/Dockerfile:2:1: MaintainerDeprecated"
fails "a Dockerfile on standard input" 1 "$KILN" lint -f - . <Dockerfile
fails "-f" 1 "$KILN" lint -f "$LAB/ctx/Dockerfile" "$LAB"
is "no kiln directory is made" "$(find "$KILN_DIR" 2>/dev/null)" ""
fails "no such file" 1 "$KILN" lint -f nosuch .
like "says so" "$output" 'there is no nosuch'
fails "unknown format" 1 "$KILN" lint --format xml .
like "names the formats" "$output" 'choose text, json or sarif'
fails "unknown option" 1 "$KILN" lint --formt json .
like "guesses" "$output" 'did you mean --format'
ok "help" "$KILN" lint --help
like "tells the exit status" "$output" 'Exit status: 0'
ok "rules can be skipped from outside" "$KILN" lint --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all .
fails "with a known option only" 1 "$KILN" lint --build-arg BUILDKIT_DOCKERFILE_CHECK=skp=all .
like "says which" "$output" 'BUILDKIT_DOCKERFILE_CHECK: invalid check option "skp=all"'

# ---- formats

output=$("$KILN" lint --format json . 2>/dev/null)
is "json: rules" "$(json '[w["ruleName"] for w in j["warnings"]]')" "['StageNameCasing', 'MaintainerDeprecated']"
is "json: lines" "$(json '[w["location"]["ranges"][0]["start"]["line"] for w in j["warnings"]]')" "[1, 2]"
is "json: place" "$(json 'j["warnings"][0]["place"]')" "{'line': 1, 'column': 14, 'endColumn': 19}"
is "json: source" "$(json 'j["sources"][0]["filename"]')" Dockerfile
output=$("$KILN" lint --format sarif . 2>/dev/null)
is "sarif: what it is" "$(json '(j["version"], j["$schema"][-16:], len(j["runs"]), j["runs"][0]["columnKind"])')" \
    "('2.1.0', 'sarif-2.1.0.json', 1, 'unicodeCodePoints')"
is "sarif: the tool and its rules" \
    "$(json '[(d["name"], len(d["rules"]), len({r["id"] for r in d["rules"]})) for d in [j["runs"][0]["tool"]["driver"]]]')" "[('kiln', 22, 22)]"
is "sarif: every result points to its rule" \
    "$(json 'all(r["runs"][0]["tool"]["driver"]["rules"][x["ruleIndex"]]["id"] == x["ruleId"] for r in [j] for x in r["runs"][0]["results"])')" True
is "sarif: results" "$(json '[(r["ruleId"], r["level"]) for r in j["runs"][0]["results"]]')" \
    "[('StageNameCasing', 'warning'), ('MaintainerDeprecated', 'warning')]"
is "sarif: every result has a message" "$(json 'all(r["message"]["text"] for r in j["runs"][0]["results"])')" True
is "sarif: place" "$(json 'j["runs"][0]["results"][0]["locations"][0]["physicalLocation"]')" \
    "{'artifactLocation': {'uri': 'Dockerfile'}, 'region': {'startLine': 1, 'startColumn': 14, 'endLine': 1, 'endColumn': 19}}"
mkdir "$LAB/a b"
cp Dockerfile "$LAB/a b/"
output=$("$KILN" lint --format sarif "$LAB/a b/Dockerfile" 2>/dev/null)
is "sarif: a path as URI" "$(json 'j["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]')" "file://$LAB/a%20b/Dockerfile"
printf 'FROM scratch\nCOPPY a /\n' >"$LAB/broken"
output=$("$KILN" lint --format sarif -f "$LAB/broken" . 2>/dev/null)
is "sarif: a file that cannot be read is a failure of the run" \
    "$(json '[(i["executionSuccessful"], n["level"], n["locations"][0]["physicalLocation"]["region"]["startLine"])
        for i in j["runs"][0]["invocations"] for n in i["toolExecutionNotifications"]]')" "[(False, 'error', 2)]"
is "with exit status 1" "$("$KILN" lint --format sarif -f "$LAB/broken" . >/dev/null 2>&1; echo $?)" 1

# ---- build --check

fails "--check asks the base image" 1 "$KILN" build --check "${base[@]}" .
like "which does not define the variable" "$output" 'Dockerfile:3:7: UndefinedVar: USER uses WHO'
dockerfile 'FROM base\nRUN touch /ran\nENV PATH=$PATH:/x'
ok "--check of a clean file" "$KILN" build --check "${base[@]}" -o "type=oci,dest=$LAB/out" .
is "builds nothing" "$(ls -d "$LAB/out" 2>/dev/null)" ""
output=$("$KILN" build --call check,format=json "${base[@]}" . 2>/dev/null)
is "--call check,format=json" "$(json 'j["warnings"]')" "[]"
fails "another --call" 1 "$KILN" build --call outline .
like "is not supported" "$output" 'choose check'
fails "--format without --check" 1 "$KILN" build --format json .
dockerfile 'FROM base\nCOPY Dockerfile /'
fails "a base for another platform" 1 "$KILN" build --check --platform linux/amd64 --build-context "base=oci-layout://$LAB/arm" .
like "is found" "$output" 'Dockerfile:1:6: InvalidBaseImagePlatform: the image base is for linux/arm64, not for linux/amd64 \(line 1\)'
fails "--check of an image that is not there" 1 "$KILN" build --check --build-context "base=oci-layout://$LAB/nosuch" .

# ---- an ordinary build

dockerfile 'FROM base\nCMD echo hello'
ok "findings do not fail a build" "$KILN" build "${base[@]}" .
like "they are warnings" "$output" 'kiln: warning: JSONArgsRecommended: .* \(line 2\)'
is "that --verbosity error hides" "$("$KILN" build -v error "${base[@]}" . 2>&1 | grep -c JSONArgs)" 0
dockerfile '# check=error=true\nFROM base\nRUN true\nCMD echo hello'
fails "unless the file says so" 1 "$KILN" build "${base[@]}" .
like "by name" "$output" 'lint violation found for rules: JSONArgsRecommended$'
unlike "before anything is run" "$output" 'RUN true'
ok "or the rule is skipped" "$KILN" build --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=JSONArgsRecommended "${base[@]}" .
ln -s "$KILN" "$LAB/executor"
fails "executor heeds it too" 1 "$LAB/executor" -c "$LAB/ctx" --no-push "${base[@]}"
like "by the same name" "$output" 'lint violation found for rules: JSONArgsRecommended$'
finish
