# SPDX-License-Identifier: MIT
# Finds the folder of src/arch that fits the compiler's target (kmm_native_arch) and the flags which every object needs
# there (kmm_arch_flags).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(kmm_native_arch x86_64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(armv7|armv8l|aarch64)" AND CMAKE_SIZEOF_VOID_P EQUAL 4)
  # A 64-bit machine with 32-bit programs names itself aarch64 or armv8l.
  set(kmm_native_arch armv7)
else()
  set(kmm_native_arch generic)
endif()

set(kmm_arch_flags "")
if(kmm_native_arch STREQUAL armv7)
  # The asm of src/arch/armv7 is conditional without IT blocks: ARM encoding, not Thumb.
  list(APPEND kmm_arch_flags -marm)
  # Some systems compile for ARMv6 unless told otherwise, which has no dmb.
  include(CheckCSourceCompiles)
  check_c_source_compiles("
    #if __ARM_ARCH < 7
    #error older than ARMv7
    #endif
    int main(void) { return 0; }" KMM_COMPILER_IS_ARMV7)
  if(NOT KMM_COMPILER_IS_ARMV7)
    list(APPEND kmm_arch_flags -march=armv7-a+fp)
  endif()
endif()
