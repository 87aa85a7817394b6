# SPDX-License-Identifier: Apache-2.0
# Compiler settings of our tests, examples and benchmarks; not exported to consumers.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11)
  message(FATAL_ERROR "espalier: g++ ${CMAKE_CXX_COMPILER_VERSION} is too old; g++ 11 or newer is needed "
                      "(choose one with CXX=g++-12)")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR "espalier: clang ${CMAKE_CXX_COMPILER_VERSION} is too old; clang 14 or newer is "
                      "needed (choose one with CXX=clang++-14)")
endif()

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_EXTENSIONS OFF)
  get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo; presets add Checked" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

if(ESPALIER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(ESPALIER_CCACHE_PROGRAM ccache)
  mark_as_advanced(ESPALIER_CCACHE_PROGRAM)
  if(ESPALIER_CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${ESPALIER_CCACHE_PROGRAM}")
  endif()
endif()

set(ESPALIER_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
                      -Wdouble-promotion)
if(ESPALIER_WERROR)
  list(APPEND ESPALIER_WARNINGS -Werror)
endif()
add_library(espalier_header_only INTERFACE)
target_compile_options(espalier_header_only INTERFACE ${ESPALIER_WARNINGS})
target_link_libraries(espalier_header_only INTERFACE espalier)
# With ESPALIER_USE_COMPILED the non-template code comes from the library, which halves the time to
# compile our programs.
set(ESPALIER_LIBRARY $<IF:$<BOOL:${ESPALIER_USE_COMPILED}>,espalier_compiled,espalier>)
add_library(espalier_developer INTERFACE)
target_link_libraries(espalier_developer INTERFACE espalier_header_only ${ESPALIER_LIBRARY})
# Examples and benchmarks; with ESPALIER_USE_OPENMP they use OpenMP's threads.
add_library(espalier_program INTERFACE)
target_link_libraries(espalier_program INTERFACE espalier_developer)
if(ESPALIER_USE_OPENMP AND TARGET espalier_openmp)
  target_link_libraries(espalier_program INTERFACE espalier_openmp)
endif()
