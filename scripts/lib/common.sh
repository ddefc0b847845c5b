# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every script here starts with: the project's folder as the current one, and a way to speak.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

script=scripts/$(basename "$0")

# say TEXT...: a headline that can be found again in pages of output.
say() {
  printf '\n== %s\n' "$*"
}

die() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

jobs() {
  nproc 2>/dev/null || echo 2
}
