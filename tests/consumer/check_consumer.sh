#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_consumer.sh WAY SOURCE shared|static [cmake arguments...]
#   WAY: find_package   a CMake project that finds the package under $KMM_STAGE
#        pkg-config     the compiler with the flags of kmm.pc under $KMM_STAGE
#        subdirectory   a CMake project that builds libkmm from $KMM_SOURCE_DIR
# Builds SOURCE (a program of this folder) outside the tree, in that way, with $CC or $CXX, and runs it, through
# $EMULATOR if that is set. Then looks whether the program needs libkmm.so: shared must, static must not.
set -euo pipefail

way=$1 source=$2 kind=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/$source" "$work/"
cd "$work"

compiler=$CC
case $source in *.cpp) compiler=$CXX ;; esac
program=$work/consumer

build_with_cmake() {
  local target=kmm::kmm
  if [ "$kind" = static ]; then
    target=kmm::static
  fi
  cp "$here/project.cmake" CMakeLists.txt
  if ! cmake -S . -B build -G Ninja -DCMAKE_C_COMPILER="$CC" ${CXX:+-DCMAKE_CXX_COMPILER="$CXX"} \
    -DCONSUMER_SOURCE="$source" -DCONSUMER_TARGET=$target "$@" >configure.log 2>&1; then
    cat configure.log >&2
    return 1
  fi
  cmake --build build
  program=$work/build/consumer
}

case $way in
  find_package) build_with_cmake -DCMAKE_PREFIX_PATH="$KMM_STAGE" "$@" ;;
  subdirectory) build_with_cmake -DKMM_SOURCE_DIR="$KMM_SOURCE_DIR" "$@" ;;
  pkg-config)
    pc=$(find "$KMM_STAGE" -name kmm.pc -printf '%h\n')
    export PKG_CONFIG_PATH=$pc
    # Word splitting of the flags is what every Makefile does with them.
    if [ "$kind" = static ]; then
      # shellcheck disable=SC2046
      "$compiler" -Wall -Wextra -Werror "$source" -o consumer -static $(pkg-config --static --cflags --libs kmm)
    else
      # shellcheck disable=SC2046
      "$compiler" -Wall -Wextra -Werror "$source" -o consumer $(pkg-config --cflags --libs kmm)
      LD_LIBRARY_PATH=$(pkg-config --variable=libdir kmm)
      export LD_LIBRARY_PATH
    fi
    ;;
  *)
    echo "unknown way: $way" >&2
    exit 2
    ;;
esac

if [ -n "${EMULATOR:-}" ]; then
  $EMULATOR ${LD_LIBRARY_PATH:+-E "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"} "$program" >output
else
  "$program" >output
fi
cat output
grep -qx 'consumer: ok' output
grep -q '^slabinfo - version: ' output

needed=$(readelf -d "$program" | grep -c 'NEEDED.*libkmm\.so' || true)
case $kind in
  shared) [ "$needed" -eq 1 ] || { echo "the program does not use the shared library" >&2; exit 1; } ;;
  static) [ "$needed" -eq 0 ] || { echo "the program needs the shared library" >&2; exit 1; } ;;
esac
