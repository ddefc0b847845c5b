#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_rcu.sh INCLUDE_DIR URCU_INCLUDE_DIR STANDARD COMPILER...
# <kmm/rcu.h> and liburcu's headers go together in any order, and an rcu_head too far inside an object does not compile.
set -euo pipefail

include_dir=$1 urcu_dir=$2 standard=$3
shift 3
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
language=c
case $standard in *++*) language=c++ ;; esac

# The standard input as a program.
compiles() {
  "$@" -I "$include_dir" -idirafter "$urcu_dir" -x "$language" -std="$standard" -Wall -Wextra -Wundef -Wshadow -Werror \
    -fsyntax-only -
}

# with_headers HEADER...: a program that frees in all ways, ours and those of liburcu's $flavor.
with_headers() {
  printf '#include <%s>\n' "$@"
  printf '#define CALL_RCU %s_call_rcu\n' "${flavor/-/_}"
  cat <<'CODE'
struct item { int key; struct rcu_head rcu; };
struct outer { char bytes[3000]; struct item item; };
static void freed(struct rcu_head *head) { (void)head; }
void all_forms(struct item *a, struct outer *b, const struct item *c);
void all_forms(struct item *a, struct outer *b, const struct item *c)
{
	CALL_RCU(&a->rcu, freed);
	kfree_rcu(a, rcu);
	if (b)
		kvfree_rcu(b, item.rcu);
	else
		kfree_rcu(c);
	kfree_rcu_mightsleep(c);
	kvfree_rcu_mightsleep(a);
	kvfree_rcu_barrier();
}
CODE
}

for flavor in urcu-bp urcu-memb urcu-qsbr; do
  with_headers kmm/rcu.h "urcu/$flavor.h" | compiles "$@"
  with_headers "urcu/$flavor.h" kmm/rcu.h | compiles "$@"
  with_headers kmm/kmm.h "urcu/$flavor.h" | compiles "$@"
done

far_head() {
  printf '#include <urcu/urcu-bp.h>\n#include <kmm/rcu.h>\n'
  printf 'struct far { char bytes[%d]; struct rcu_head rcu; };\n' "$1"
  printf 'void give(struct far *f);\nvoid give(struct far *f) { kfree_rcu(f, rcu); }\n'
}
far_head 4088 | compiles "$@"
if far_head 4096 | compiles "$@" 2>"$errors"; then
  echo "an rcu_head 4096 bytes inside an object compiles as $standard" >&2
  exit 1
fi
grep -q 'too far from the start' "$errors"
echo "ok as $standard by $*"
