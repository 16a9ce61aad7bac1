#!/usr/bin/env bash
# Formats the Swift sources with the toolchain's swift-format, and checks what it does not know: C,
# shell and Python. The toolchain has no formatter for C, and versions of clang-format disagree, so
# only rules that any machine checks alike hold for C (.clang-format is for editors).
#
#   scripts/format.sh           formats Swift, then checks
#   scripts/format.sh --check   changes nothing; fails where something is not formatted
set -euo pipefail
cd "$(dirname "$0")/.."

swift_sources=(Package.swift Sources Tests)
case "${1-}" in
  '') swift format --in-place --parallel --recursive "${swift_sources[@]}" ;;
  --check) ;;
  *)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac

failed=0
swift format lint --strict --parallel --recursive "${swift_sources[@]}" || failed=1

# Columns are counted in characters, tabs and trailing blanks are refused everywhere.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- \
  '*.c' '*.cpp' '*.h' '*.sh' '*.py' '*.swift' '.ci/run')
for source in "${sources[@]}"; do
  [[ -f $source ]] || continue
  LC_ALL=C.UTF-8 awk '
    length($0) > 100 && FILENAME !~ /\.swift$/ { report("more than 100 columns") }
    /\t/ { report("a tab") }
    /[ \t\r]$/ { report("blanks at the end of the line") }
    function report(what) { print FILENAME ":" FNR ": " what; found = 1 }
    END { exit found }' "$source" || failed=1
  if [[ -s $source && -n $(tail -c 1 "$source") ]]; then
    echo "$source: no newline at the end"
    failed=1
  fi
  case $source in
    *.sh | .ci/run) bash -n "$source" || failed=1 ;;
    *.py) python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' \
      "$source" || failed=1 ;;
  esac
done
exit "$failed"
