#!/usr/bin/env bash
# Everything that must hold before a change is accepted, the quick parts first. Stops at the first
# part that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

summary=()

# part NAME COMMAND...: runs one part and notes its time.
part() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*"
  if ! "$@"; then
    echo "== $name: FAILED after $((SECONDS - start)) s"
    exit 1
  fi
  summary+=("$(printf '%-10s %4d s' "$name" $((SECONDS - start)))")
}

# Swift reports its own warnings as errors (Package.swift); this catches those of the package
# manager and of the C compiler's driver.
build() {
  local log=.build/test-build.log
  mkdir -p .build
  if ! swift build -c release --build-tests > "$log" 2>&1; then
    (grep -E 'error:|warning:' -A 4 "$log" || tail "$log") | head -n 60
    return 1
  fi
  if grep -E '^warning:|: warning:' "$log"; then return 1; fi
  tail -n 1 "$log"
}

# One line for each test function; the whole output is in the log.
run_tests() {
  local log=.build/test-run.log status=0
  local noise='^(◇|\[|Test (Suite|Case) |Building for|Build complete|\s+Executed 0 tests)'
  # A test that hangs shall not take the day: Swift Testing's limits cannot end a stuck thread.
  timeout --kill-after=10 1800 swift test -c release --skip-build > "$log" 2>&1 || status=$?
  grep -vE "$noise" "$log" || true
  if ((status == 124)); then echo "no end after 1800 s"; fi
  if ((status != 0)); then echo "whole output: $log"; fi
  return "$status"
}

part setup scripts/setup.sh --tests
part format scripts/format.sh --check
part sanitize scripts/sanitize.sh
part neon scripts/neon.sh
part build build
part test run_tests
part resume scripts/check_resume.py --kills 8 --threads 1 2
part races scripts/races.sh

echo "== passed in $SECONDS s"
printf '   %s\n' "${summary[@]}"
