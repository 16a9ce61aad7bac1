#!/usr/bin/env bash
# Builds the program of kernel checks with given compiler flags, warnings as errors.
#
#   scripts/build_checks.sh FOLDER FLAG...      makes FOLDER/checks; empties FOLDER first
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
shift
compile=(
  "$(scripts/find_clang.sh)" -std=c11 -Wall -Wextra -Werror
  -I Sources/CKernels/include -I Tests/CKernelChecks/include "$@"
)

rm -rf "$build"
mkdir -p "$build"
sources=(Sources/CKernels/*/*.c Tests/CKernelChecks/*.c)
# One compiler for each core; the object files of src/a.c and other/a.c have different names.
if ! printf '%s\n' "${sources[@]}" |
  xargs -P "$(nproc)" -I {} bash -c 'source=$1 object=$2/${1//\//_}.o; shift 2
    exec "$@" -c "$source" -o "$object"' _ {} "$build" "${compile[@]}" 2> "$build/log"; then
  head -n 40 "$build/log" >&2
  exit 1
fi
"${compile[@]}" "$build"/*.o -o "$build/checks" -fuse-ld=lld -lm -lpthread
