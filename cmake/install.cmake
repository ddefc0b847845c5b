# SPDX-License-Identifier: MIT
# Installs the headers, both libraries, the CMake package "kmm" and kmm.pc.
if(KMM_SANITIZE)
  message(STATUS "KMM_SANITIZE is set: no install target, because every user would need the sanitizer too")
  return()
endif()

include(CMakePackageConfigHelpers)
set(kmm_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kmm)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/kmm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(TARGETS kmm kmm_static EXPORT kmm-targets)
install(EXPORT kmm-targets NAMESPACE kmm:: DESTINATION ${kmm_package_dir})

# Before 1.0 every minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kmm-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/kmm-config.cmake.in ${PROJECT_BINARY_DIR}/kmm-config.cmake
  INSTALL_DESTINATION ${kmm_package_dir} NO_SET_AND_CHECK_MACRO)
install(FILES ${PROJECT_BINARY_DIR}/kmm-config.cmake ${PROJECT_BINARY_DIR}/kmm-config-version.cmake
  DESTINATION ${kmm_package_dir})

# kmm.pc finds the prefix from its own place, so that an installed tree can be moved. Folders given as absolute paths
# are kept as they are.
set(kmm_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH kmm_pc_up /prefix/${kmm_pc_dir} /prefix)
string(REGEX REPLACE "/$" "" kmm_pc_up "${kmm_pc_up}")
set(kmm_pc_prefix "\${pcfiledir}/${kmm_pc_up}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(kmm_pc_prefix "${CMAKE_INSTALL_PREFIX}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
  set(kmm_pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(kmm_pc_${dir} "${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
set(kmm_pc_definitions "")
if(KMM_CONFIG_CHECK GREATER 0)
  set(kmm_pc_definitions " -DKMM_PERCPU_CHECKED=1")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/kmm.pc.in ${PROJECT_BINARY_DIR}/kmm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kmm.pc DESTINATION ${kmm_pc_dir})
