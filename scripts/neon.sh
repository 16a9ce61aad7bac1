#!/usr/bin/env bash
# Compiles the C kernels for 64-bit Arm with warnings as errors, and runs their checks under
# qemu-aarch64 where that is installed.
#
#   scripts/neon.sh [--isa NAME] [--only TEXT]
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build-checks/neon
# Static, so that the emulator needs no Arm libraries at run time.
if ! scripts/build_checks.sh "$build" --target=aarch64-linux-gnu -O2 -static; then
  echo "neon: scripts/setup.sh --tests installs the C library for 64-bit Arm if that is missing" >&2
  exit 1
fi
if command -v qemu-aarch64 > /dev/null; then
  qemu-aarch64 "$build/checks" "$@"
elif [[ $(uname -m) == aarch64 ]]; then
  "$build/checks" "$@"
else
  echo "neon: compiled; qemu-aarch64 is not installed, so the checks did not run"
fi
