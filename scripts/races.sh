#!/usr/bin/env bash
# Runs the thread pool's tests under ThreadSanitizer, in a debug build. Any report fails.
#
#   scripts/races.sh [FILTER]     a regular expression of other tests
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build-checks/races
mkdir -p "$build"

# Some systems place memory where ThreadSanitizer cannot work, and forbid asking for another place.
echo 'print("works")' > "$build/probe.swift"
swiftc -sanitize=thread "$build/probe.swift" -o "$build/probe"
if [[ $("$build/probe" 2> /dev/null) != works ]]; then
  echo "races: NOT CHECKED, ThreadSanitizer does not run on this system"
  exit
fi

log=$build/log
if ! swift build --sanitize=thread --build-tests --scratch-path "$build" > "$log" 2>&1; then
  (grep -E 'error:' -A 4 "$log" || tail "$log") | head -n 60
  exit 1
fi
status=0
timeout --kill-after=10 600 swift test --sanitize=thread --skip-build --scratch-path "$build" \
  --filter "${1-ThreadPoolTests}" > "$log" 2>&1 || status=$?
grep -E '^(✘|✔ (Suite|Test run)|ThreadSanitizer)|SUMMARY' "$log" || true
if ((status != 0)); then echo "whole output: $log"; fi
exit "$status"
