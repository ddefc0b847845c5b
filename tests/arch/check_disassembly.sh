#!/bin/sh
# SPDX-License-Identifier: MIT
# check_disassembly.sh - looks for the instructions that the contract of arch.h wants, in the machine code of probes.c.
#
# usage: check_disassembly.sh OBJDUMP ARCH PROBES.o [LIBRARY.a]
#
# An emulator runs on a host that orders memory more strictly than ARM does, so a barrier that is missing there shows
# nowhere but here. The portable form must hold no double-word instruction at all, in the whole library.
set -eu

objdump=$1
arch=$2
probes=$3
library=${4-}
failed=0
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT

"$objdump" -d --no-show-raw-insn "$probes" >"$listing"

# The instructions of one function in one line, each followed by ";". LLVM's objdump gives a prefix a line of its own.
code_of() {
	awk -v name="<$1>:" '
		/^[0-9a-f]+ </ { inside = ($2 == name); next }
		inside && /^ *[0-9a-f]+:/ {
			sub(/^ *[0-9a-f]+:[ \t]*/, ""); gsub(/[ \t]+/, " "); sub(/ +$/, "")
			printf "%s%s", $0, /^(lock|rep)$/ ? " " : ";"
		}' "$listing"
}

complain() {
	echo "FAILED: $1: $2" >&2
	echo "        $3" | tr ';' '\n' >&2
	failed=1
}

# wants FUNCTION PATTERN WHY: its code matches the extended regular expression.
wants() {
	code=$(code_of "$1")
	[ -n "$code" ] || complain "$1" "not found in $probes" ""
	echo "$code" | grep -Eq -- "$2" || complain "$1" "$3" "$code"
}

# forbids FUNCTION PATTERN WHY: its code does not.
forbids() {
	code=$(code_of "$1")
	[ -n "$code" ] || complain "$1" "not found in $probes" ""
	if echo "$code" | grep -Eq -- "$2"; then
		complain "$1" "$3" "$code"
	fi
}

# wants_retry FUNCTION: behind the store-exclusive a conditional branch leads back to the load-exclusive or before it.
wants_retry() {
	awk -v name="<$1>:" '
		function value(hex,  i, v) {
			for (i = 1; i <= length(hex); i++)
				v = v * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return v
		}
		/^[0-9a-f]+ </ { inside = ($2 == name); next }
		!inside { next }
		$2 == "ldrexd" { load = $1; sub(/:/, "", load) }
		$2 == "strexd" { stored = 1 }
		{ target = $3; sub(/^0x/, "", target) }
		stored && $2 ~ /^b(eq|ne|hi|ls|cs|cc)$/ && value(target) <= value(load) { found = 1 }
		END { exit !found }' "$listing" || complain "$1" "no way back after a failed store-exclusive" "$(code_of "$1")"
}

double_word='cmpxchg16b|cmpxchg8b|ldrexd|strexd|ldaexd|stlexd|ldaxp|ldxp|stxp|stlxp|caspa?l? '

check_armv7() {
	for probe in probe_cas2 probe_cmpxchg_double; do
		wants $probe 'dmb ish;.*ldrexd.*strexd' "no full barrier before the store-exclusive"
		wants $probe 'strexd.*dmb ish;' "no full barrier after success"
		wants_retry $probe
		wants $probe 'clrex;' "a refused CAS leaves its reservation behind"
		# Between the two: comparisons and branches only. A memory access could take the reservation away.
		forbids $probe 'ldrexd [^;]*;([^;]*;)*(ldr|str|ldm|stm|push|pop|bl|vldr|vstr)[a-z]* [^;]*;([^;]*;)*strexd' \
			"a memory access between load-exclusive and store-exclusive"
	done
	wants probe_full_barrier 'dmb ish;' "no full barrier"
	wants probe_read_barrier 'dmb ish;' "no barrier that orders loads"
	wants probe_write_barrier 'dmb ish(st)?;' "no barrier that orders stores"
	wants probe_acquire 'ldr [^;]*;([^;]*;)*dmb ish;' "no barrier after the load"
	wants probe_release 'dmb ish;([^;]*;)*str ' "no barrier before the store"
	forbids probe_read_once 'dmb' "a barrier in a relaxed load"
	wants probe_this_cpu_add 'ldrex .*strex ' "not atomic"
	forbids probe_this_cpu_add 'dmb' "a barrier in a relaxed operation"
	wants probe_this_cpu_add64 'ldrexd.*strexd' "8 bytes are not added as one"
	wants probe_lowest_bit 'clz[a-z]* ' "the bit search does without clz"
	wants probe_highest_bit 'clz[a-z]* ' "the bit search does without clz"
	forbids probe_cpu_id 'svc|__tls_get_addr' "the CPU's number is more than a load"
}

check_x86_64() {
	for probe in probe_cas2 probe_cmpxchg_double; do
		wants $probe 'lock cmpxchg16b' "no locked double-word compare-and-swap"
		forbids $probe 'lock cmpxchg16b.*lock cmpxchg16b' "more than one attempt: the instruction cannot fail spuriously"
	done
	wants probe_full_barrier 'mfence|lock (or|add|xadd)' "no full barrier"
	forbids probe_acquire 'mfence|lock ' "a barrier where the machine's own order is enough"
	forbids probe_release 'mfence|lock |xchg [^;]*\(' "a barrier where the machine's own order is enough"
	wants probe_this_cpu_add 'lock (add|xadd)' "not atomic among threads"
	wants probe_lowest_bit 'tzcnt|bsf' "the bit search does without tzcnt"
	wants probe_highest_bit 'lzcnt|bsr' "the bit search does without bsr"
	forbids probe_cpu_id 'syscall|__tls_get_addr' "the CPU's number is more than a load"
}

check_generic() {
	forbids probe_cas2 "$double_word" "a double-word instruction"
	forbids probe_cmpxchg_double "$double_word" "a double-word instruction"
	forbids probe_this_cpu_add64 "$double_word" "a double-word instruction"
	if [ -n "$library" ] && "$objdump" -d --no-show-raw-insn "$library" | grep -E -- "$double_word"; then
		complain "$library" "a double-word instruction in the portable form" ""
	fi
}

"check_$arch"
[ $failed -eq 0 ] && echo "$arch: the machine code of the primitives is as the contract wants it"
exit $failed
