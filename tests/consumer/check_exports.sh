#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_exports.sh CC NM LIBRARY INCLUDE_DIR
# The shared library exports exactly the names that its public headers declare KMM_API.
set -euo pipefail

cc=$1 nm=$2 library=$3 include_dir=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# After the preprocessor a public declaration is a statement with the attribute behind KMM_API. Without its
# attributes, a function's name stands before the first parenthesis, a variable's at the end.
for header in "$include_dir"/kmm/*.h; do
  printf '#include <kmm/%s>\n' "$(basename "$header")"
done |
  "$cc" -I "$include_dir" -x c -E -P - |
  tr '\n' ' ' | sed 's/[;{}]/&\n/g' |
  grep -F 'visibility("default")' |
  sed -E -e 's/__attribute__ *\(\(([^()]|\([^()]*\))*\)\)//g' -e 't named' -e ':named' \
    -e 's/^[^(]*[ *]([A-Za-z_][A-Za-z_0-9]*) *\(.*$/\1/' -e 't' \
    -e 's/^.*[ *]([A-Za-z_][A-Za-z_0-9]*) *(\[[^]]*\])* *;$/\1/' |
  LC_ALL=C sort -u >"$work/declared"

# A is the name of the symbol version itself.
"$nm" -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
  LC_ALL=C sort -u >"$work/exported"

if [ ! -s "$work/declared" ] || [ ! -s "$work/exported" ]; then
  echo "no names found: $(wc -l <"$work/declared") declared, $(wc -l <"$work/exported") exported" >&2
  exit 1
fi
if ! diff -u "$work/declared" "$work/exported" >"$work/diff"; then
  echo "The names declared KMM_API (-) and those exported by $(basename "$library") (+) differ;" \
    "src/libkmm.map lists what is exported:" >&2
  grep '^[-+][A-Za-z_]' "$work/diff" >&2
  exit 1
fi
echo "$(wc -l <"$work/exported") names, declared and exported"
