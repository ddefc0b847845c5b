#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_readme.sh ROOT
# The README's table of options names exactly the parameters that the rooms have.
set -euo pipefail

root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -rhoE --include='*.c' '\{ *\.name = "[a-z_]+"' "$root/src" | sed 's/.*"\(.*\)"/\1/' | sort >"$work/built"
# shellcheck disable=SC2016 # the backquote is Markdown's
sed -n 's/^| `\([a-z_]*\)=.*/\1/p' "$root/README.md" | sort >"$work/written"
if [ ! -s "$work/built" ]; then
  echo "no parameter found in $root/src" >&2
  exit 1
fi
if ! diff "$work/built" "$work/written"; then
  echo "The options in src/ (<) and those in README.md (>) differ." >&2
  exit 1
fi
echo "$(wc -l <"$work/built") options, built and written"
