# SPDX-License-Identifier: MIT
# The CMakeLists.txt of a project that uses libkmm: CONSUMER_SOURCE is its program, CONSUMER_TARGET what it links.
# With KMM_SOURCE_DIR the library is built as a part of the project instead of being found.
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
if(CONSUMER_SOURCE MATCHES "\\.cpp$")
  enable_language(CXX)
endif()
if(KMM_SOURCE_DIR)
  add_subdirectory(${KMM_SOURCE_DIR} kmm EXCLUDE_FROM_ALL)
else()
  find_package(kmm 0.1 REQUIRED)
endif()
add_executable(consumer ${CONSUMER_SOURCE})
target_link_libraries(consumer PRIVATE ${CONSUMER_TARGET})
