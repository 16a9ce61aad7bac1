#!/usr/bin/env bash
# Compiles the C kernels for 64-bit Arm with warnings as errors, and runs their checks under
# qemu-aarch64 where that is installed.
#
#   scripts/neon.sh [--isa NAME] [--only TEXT]
set -euo pipefail
cd "$(dirname "$0")/.."

clang=$(scripts/find_clang.sh)
build=.build-checks/neon
flags=(
  --target=aarch64-linux-gnu -std=c11 -O2 -Wall -Wextra -Werror
  -I Sources/CKernels/include -I Tests/CKernelChecks/include
)

rm -rf "$build"
mkdir -p "$build"
echo 'int main(void) { return 0; }' > "$build/probe.c"
if ! "$clang" "${flags[@]}" -static "$build/probe.c" -o "$build/probe" -fuse-ld=lld; then
  echo "neon: no C library for 64-bit Arm; scripts/setup.sh --tests installs it" >&2
  exit 1
fi

printf '%s\n' Sources/CKernels/*/*.c Tests/CKernelChecks/*.c |
  xargs -P "$(nproc)" -I {} bash -c '
    object=$1/$(tr / _ <<< "$2").o; shift 2; exec "$@" -o "$object"' _ \
    "$build" {} "$clang" "${flags[@]}" -c {}
# Static, so that the emulator needs no Arm libraries at run time.
"$clang" "${flags[@]}" -static "$build"/*.o -o "$build/checks" -fuse-ld=lld -lm -lpthread
if command -v qemu-aarch64 > /dev/null; then
  qemu-aarch64 "$build/checks" "$@"
elif [[ $(uname -m) == aarch64 ]]; then
  "$build/checks" "$@"
else
  echo "neon: compiled; qemu-aarch64 is not installed, so the checks did not run"
fi
