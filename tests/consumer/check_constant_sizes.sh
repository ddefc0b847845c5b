#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_constant_sizes.sh NM INCLUDE_DIR LANGUAGE COMPILER...
# The compiler chooses the class of a kmalloc() whose size it knows: only there does it call the functions that take a class.
set -euo pipefail

nm=$1 include_dir=$2 language=$3
shift 3
compiler=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $language in c++) standard=c++17 ;; *) standard=gnu11 ;; esac

# expect NAMES EXPRESSION...: code that takes memory by these expressions calls these functions and no other.
expect() {
  local names=$1 count=0 expression called
  shift
  echo '#include <kmm/kmalloc.h>' >"$work/code"
  echo 'struct line { long words[5]; }; struct list { int nr; short rest[1]; };' >>"$work/code"
  for expression in "$@"; do
    echo "void *f$count(size_t n, gfp_t gfp, int node) { (void)n, (void)gfp, (void)node; return $expression; }" >>"$work/code"
    count=$((count + 1))
  done
  "${compiler[@]}" -I "$include_dir" -x "$language" -std="$standard" -O2 -Wall -Wextra -Werror -c -o "$work/code.o" \
    "$work/code"
  called=$("$nm" -u "$work/code.o" | awk '$2 != "_GLOBAL_OFFSET_TABLE_" { print $2 }' | LC_ALL=C sort | xargs)
  if [ "$called" != "$names" ]; then
    echo "$* calls $called, not $names" >&2
    exit 1
  fi
}

expect 'kmm_kmalloc_class kmm_kmalloc_class_node' 'kmalloc(100, gfp)' 'kzalloc(8192, GFP_KERNEL)' 'kcalloc(3, 7, gfp)' \
  'kmalloc_array(10, sizeof(long), gfp)' 'kmalloc_node(1, gfp, node)' 'kzalloc_node(96, gfp, 0)' \
  'kcalloc_node(4, 4, gfp, node)' 'kmalloc_array_node(5, 100, gfp, node)' 'kmalloc_obj(struct line)' \
  'kzalloc_objs(struct line, 20, gfp)' 'kmalloc_flex(struct list, rest, 20, gfp)'
expect 'kmalloc_large kmalloc_large_node' 'kmalloc(8193, gfp)' 'kcalloc(100, 1000, gfp)' 'kzalloc_node(65536, gfp, node)'
expect '__kmalloc __kmalloc_node' 'kmalloc(n, gfp)' 'kzalloc_objs(struct line, n)' 'kmalloc_array_node(n, 8, gfp, node)'
expect '' 'kmalloc(0, gfp)' 'kcalloc_node(0, 8, gfp, node)' 'kmalloc_array((size_t)-1, 2, gfp)'
echo "constant sizes in $language by ${compiler[*]}"
