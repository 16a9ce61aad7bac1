#!/usr/bin/env bash
# Prints the path of the C compiler that the scripts use: the Swift toolchain's clang, which builds
# the package too, else the system's.
set -euo pipefail

if command -v swift > /dev/null; then
  # The real path: `swift` may be a launcher that chooses among toolchains.
  toolchain=$(swift -print-target-info 2> /dev/null |
    sed -n 's/.*"runtimeResourcePath": *"\(.*\)\/lib\/swift".*/\1/p')
  if [[ -n $toolchain && -x $toolchain/bin/clang ]]; then
    echo "$toolchain/bin/clang"
    exit
  fi
fi
if command -v clang; then exit; fi
echo "no clang found: install a Swift toolchain (see README.md), or the package clang" >&2
exit 1
