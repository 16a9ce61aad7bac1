#!/usr/bin/env bash
# Runs the checks of the C kernels under AddressSanitizer and UndefinedBehaviorSanitizer, at every
# instruction set level that the machine has (AMX emulated where it has none). Any report fails.
#
#   scripts/sanitize.sh [--isa NAME] [--only TEXT]
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build-checks/sanitize
flags=(
  -O1 -g -fno-omit-frame-pointer
  -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
)
# The kernels allocate nothing, and the leak detector needs ptrace, which containers may forbid.
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1

scripts/build_checks.sh "$build" "${flags[@]}"

# A build whose sanitizers do nothing would pass everything: two known mistakes must be reported.
for mistake in 'char bytes[4]; return bytes[n + 3];' 'return 0x7fffffff + n;'; do
  echo "int main(int n, char **v) { (void)v; $mistake }" > "$build/probe.c"
  "$(scripts/find_clang.sh)" "${flags[@]}" -O0 "$build/probe.c" -o "$build/probe" -fuse-ld=lld
  if "$build/probe" > /dev/null 2>&1; then
    echo "sanitize: the sanitizers do not work" >&2
    exit 1
  fi
done

"$build/checks" "$@"
