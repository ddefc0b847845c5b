#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_percpu.sh LIBRARY INCLUDE_DIR COMPILER...
# A program, a shared object and one that is opened share per-CPU variables, whatever they are compiled and linked with:
# each linker of the machine, position-independent or not. COMPILER may be several words. Programs run through $EMULATOR,
# and are compiled with $DEFINITIONS. A program that is linked with $STATIC_LIBRARY and without any shared object works, too,
# and the linker has nothing to say of it.
set -euo pipefail

library=$1 include_dir=$2
shift 2
compiler=("$@")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir lib
cp "$library" lib/libkmm.so.0
ln -s libkmm.so.0 lib/libkmm.so
echo 'int main(void) { return 0; }' >empty.c

# shellcheck disable=SC2206 # words are what they are meant to become
definitions=(${DEFINITIONS:-})
status=0 count=0 copied=0

# built NAME FLAG...: compiles and links a program or an object named NAME; the flags name its sources.
built() {
  local output=$1
  shift
  "${compiler[@]}" -O2 -Wall -Wextra -Werror "${definitions[@]}" -I "$include_dir" -o "$output" "$@" -L lib -lkmm \
    -Wl,-rpath,"$work/lib" -Wl,-rpath,"$work"
}

# One way: the linker, then flags for the program, then for both.
try() {
  local linker=$1 program_flags=$2 flags=$3 notes=0
  count=$((count + 1))
  # shellcheck disable=SC2086
  if ! built libobject.so -shared -fPIC -fuse-ld="$linker" $flags "$here/percpu_object.c" ||
    ! built libopened.so -shared -fPIC -fuse-ld="$linker" $flags -Dobject_counter=opened_counter \
      "$here/percpu_object.c" ||
    ! built program -fuse-ld="$linker" $program_flags $flags "$here/percpu_main.c" -L . -lobject -ldl; then
    echo "not built: $linker $program_flags $flags" >&2
    status=1
    return
  fi
  # A variable that the linker copied is said to be slow, and nothing else is said.
  if readelf -rW program | grep -q '_COPY.*object_counter'; then
    notes=1
    copied=$((copied + 1))
  fi
  # shellcheck disable=SC2086
  if ! ${EMULATOR:-} ./program ./libopened.so 2>errors || [ "$(wc -l <errors)" -ne "$notes" ] ||
    [ "$(grep -c 'copy made by the linker' errors)" -ne "$notes" ]; then
    echo "wrong: $linker $program_flags $flags" >&2
    cat errors >&2
    status=1
  fi
}

for linker in bfd gold lld; do
  "${compiler[@]}" -fuse-ld="$linker" empty.c -o empty 2>/dev/null || continue
  try "$linker" '-fPIE -pie' ''
  try "$linker" '-fno-pie -no-pie' ''
  try "$linker" '-fPIC -pie' ''
  try "$linker" '-fPIE -pie' '-O0'
  try "$linker" '-fPIE -pie' '-ffunction-sections -fdata-sections -Wl,--gc-sections'
  try "$linker" '-fPIE -pie' '-fvisibility=default -Wl,-z,now -Wl,-z,relro'
done
cat >static.c <<'END'
#include <kmm/kmm.h>

static DEFINE_PER_CPU(int, counter) = 3;

int main(void)
{
	int cpu, nr = 0, sum = 0;

	this_cpu_inc(counter);
	for_each_possible_cpu(cpu) {
		sum += per_cpu(counter, cpu);
		nr++;
	}
	return sum != 3 * nr + 1;
}
END
if ! "${compiler[@]}" -O2 -Wall -Wextra -Werror -static "${definitions[@]}" -I "$include_dir" static.c "$STATIC_LIBRARY" \
  -lurcu-bp -lurcu-common -lpthread -o static >static.log 2>&1 || [ -s static.log ] || ! ${EMULATOR:-} ./static; then
  echo "wrong: -static" >&2
  cat static.log >&2
  status=1
fi
if [ "$count" -eq 0 ]; then
  echo "no linker found for ${compiler[*]}" >&2
  exit 1
fi
echo "$count ways by ${compiler[*]}, in $copied a variable was copied"
exit $status
