#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_headers.sh INCLUDE_DIR STANDARD COMPILER...
# Every public header compiles alone, twice in a row, without a warning.
set -euo pipefail

include_dir=$1 standard=$2
shift 2
language=c
case $standard in *++*) language=c++ ;; esac

status=0 count=0
for header in "$include_dir"/kmm/*.h; do
  name=kmm/$(basename "$header")
  if ! printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
    "$@" -I "$include_dir" -x "$language" -std="$standard" -Wall -Wextra -Wundef -Wshadow -Werror -fsyntax-only -; then
    echo "$name does not compile alone as $standard" >&2
    status=1
  fi
  count=$((count + 1))
done
if [ "$count" -eq 0 ]; then
  echo "no headers in $include_dir/kmm" >&2
  exit 1
fi
echo "$count headers as $standard by $*"
exit $status
