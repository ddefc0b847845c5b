# SPDX-License-Identifier: MIT
# 32-bit ARMv7 with Debian's cross compiler; programs run under qemu-arm with the armhf libraries of multiarch.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE arm-linux-gnueabihf)
# No -L for qemu: with libc6:armhf installed, the loader's own path is the right one, and another C library beside it
# would crash.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_C_FLAGS_INIT "-marm -march=armv7-a+fp")
