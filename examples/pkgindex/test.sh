#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh PROGRAM... - runs pkgindex (PROGRAM may start with an emulator) on good input, compares what it prints with
# what grep and awk count in the same file, and on bad input, and checks what it says.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

complain() {
	printf 'FAILED: %s\n' "$*"
	failures=$((failures + 1))
}

result_block() {
	sed -n '/^--- result$/,/^--- end$/p' "$folder/out"
}

# The same counts from other tools: one need a record and name, the ten most needed, those of one count by name.
reference_block() {
	echo "--- result"
	echo "packages: $(grep -c '^Package:' "$1")"
	LC_ALL=C awk '
		function take(text,    parts, n, i) {
			n = split(text, parts, /[,|]/)
			for (i = 1; i <= n; i++) {
				sub(/^[ \t]+/, "", parts[i])
				sub(/[ \t:(<[].*$/, "", parts[i])
				if (parts[i] != "" && !((record, parts[i]) in seen)) {
					seen[record, parts[i]] = 1
					needs[parts[i]]++
				}
			}
		}
		function finish() {
			take(value)
			value = ""
		}
		/^[^ \t]/ { finish() }
		/^Package:/ { record++; known[$2] = 1 }
		/^(Pre-)?Depends:/ { value = $0; sub(/^[^:]*:/, "", value); reading = 1; next }
		/^[ \t]/ { if (reading) value = value $0; next }
		{ reading = 0 }
		END {
			finish()
			for (name in needs) {
				total += needs[name]
				if (name in known) {
					resolved += needs[name]
					print needs[name], name | "sort -k1,1nr -k2,2 >" list
				}
			}
			close("sort -k1,1nr -k2,2 >" list)
			print "dependencies: " total + 0
			print "resolved: " resolved + 0
		}' list="$folder/list" "$1"
	head -n 10 "$folder/list" | awk '{ print "top " NR ": " $2 " " $1 }'
	echo "--- end"
}

# good NAME FILE ARGUMENTS...: success, the reference's result, all pages back.
good() {
	name=$1 file=$2
	shift 2
	if ! "$program" "$@" "$file" >"$folder/out" 2>"$folder/err"; then
		complain "$name: $(cat "$folder/err")"
		return
	fi
	: >"$folder/list"
	reference_block "$file" >"$folder/want"
	result_block >"$folder/got"
	cmp -s "$folder/want" "$folder/got" || complain "$name: $(diff "$folder/want" "$folder/got")"
	test ! -s "$folder/err" || complain "$name: said $(cat "$folder/err")"
}

# bad 'LINE: MESSAGE' TEXT: exit code 1, that message and nothing else, all pages back.
bad() {
	printf '%b' "$2" >"$folder/bad"
	"$program" "$folder/bad" >"$folder/out" 2>"$folder/err"
	test $? -eq 1 || complain "\"$2\" was accepted"
	test "$(cat "$folder/err")" = "pkgindex: $folder/bad:$1" || complain "\"$2\": $(cat "$folder/err")"
	pages_are_back "\"$2\""
}

pages_are_back() {
	awk '/^pages:/ { found = 1; if ($2 != $6) exit 1 } END { if (!found) exit 1 }' "$folder/out" ||
		complain "$1: $(grep '^pages:' "$folder/out")"
}

# A program and its emulator become one command.
printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$folder/program"
chmod +x "$folder/program"
program=$folder/program

# --- good input ---
cat >"$folder/small" <<'END'
Package: alpha
Version: 1:2.0-1
Depends: beta (>= 1.0) | gamma, delta:any (<< 2) [amd64] <!nocheck>,
 beta (<< 3),
 alpha
Pre-Depends: delta
Description: the first
 Package: not a record
 .
 Depends: nothing


Package: beta
Conffiles:
 /etc/beta 0123456789abcdef
	/etc/tab 0123456789abcdef
Depends:

Package: beta
Depends: alpha,beta,,missing
 	
Package: delta
Depends: beta
END
good "small file" "$folder/small"
test "$(sed -n 's/^top 1: //p' "$folder/out")" = "beta 3" || complain "small file: $(result_block)"
printf 'Package: last' >"$folder/unfinished"
good "no newline at the end" "$folder/unfinished"

LC_ALL=C awk 'BEGIN {
	for (i = 0; i < 20000; i++) {
		print "Package: p" i "\nVersion: 1." i "\nArchitecture: all\nSection: test"
		printf "Depends: p%d, p%d (>= 1) | p%d:any", i % 7, i % 100, (i * 31) % 15000
		print ",\n p" i % 13 " (<< 2)\nDescription: number " i " of the many that fill a page and a half of the arena\n It is long enough to be cut anywhere, also here.\n"
	}
}' >"$folder/large"
good "one thread" "$folder/large" -t 1
good "many threads" "$folder/large" -t 9
good "watched" "$folder/large" -t 3 -w 3
if "$program" - <"$folder/large" >"$folder/out"; then
	grep -q '^packages: 20000$' "$folder/out" || complain "standard input: $(result_block)"
else
	complain "standard input"
fi
if test -s /var/lib/dpkg/status; then
	good "packages of this machine" /var/lib/dpkg/status
fi

# --- bad input ---
bad "1: the input ends without a single record" ''
bad "3: the input ends without a single record" '\n \n'
bad "4: the record that starts here has no Package field" 'Package: a\n\n\nVersion: 2\nSection: x\n'
bad "2: neither a field (\"Name: value\") nor a continuation line" 'Package: a\nno field\n'
bad "1: neither a field (\"Name: value\") nor a continuation line" '-----BEGIN PGP SIGNED MESSAGE-----\n'
bad "4: neither a field (\"Name: value\") nor a continuation line" 'Package: a\n\nPackage: b\n: x\n'
bad "3: a continuation line without a field before it" 'Package: a\n\n b\nPackage: c\n'
bad "2: a NUL byte, so this is no text" 'Package: a\nVersion: \00001\n'
bad "2: the second field of this name in one record" 'Package: a\nPackage: b\n'
bad "1: the Package field is not one name" 'Package: \n'
bad "1: the Package field is not one name" 'Package: a b\n'
bad "2: a bracket that is not closed in a dependency" 'Package: a\nDepends: b (>= 1\nVersion: 1\n'
bad "3: a dependency followed by something that is neither a version nor a separator" \
	'Package: a\nDepends: b,\n c d\n'
bad "2: a dependency without a name" 'Package: a\nPre-Depends: b, :any\n'
bad "1: neither a field (\"Name: value\") nor a continuation line" 'junk\n\nPackage: a\n\nmore junk\n'

"$program" "$folder/missing" >"$folder/out" 2>"$folder/err"
test $? -eq 1 && grep -q "missing: No such file" "$folder/err" || complain "missing file: $(cat "$folder/err")"
"$program" "$folder" >"$folder/out" 2>"$folder/err"
test $? -eq 1 && grep -q ": Is a directory" "$folder/err" || complain "directory: $(cat "$folder/err")"
for arguments in "-t 0" "-t x" "-w 1000" "-q" "one two"; do
	"$program" $arguments >"$folder/out" 2>"$folder/err"
	test $? -eq 2 || complain "pkgindex $arguments: exit code is not 2"
done
if test -w /dev/full; then
	"$program" "$folder/small" >/dev/full 2>"$folder/err"
	test $? -eq 1 || complain "a full disk went unnoticed"
fi

# --- too little memory ---
KMM_OPTIONS=mem=4M "$program" "$folder/large" >"$folder/out" 2>"$folder/err"
test $? -eq 1 && grep -q "out of memory" "$folder/err" || complain "4 MiB: $(cat "$folder/err")"
pages_are_back "4 MiB"

test $failures -eq 0 || echo "$failures failures"
test $failures -eq 0
