# SPDX-License-Identifier: Apache-2.0
# Configures, builds and runs one consumer as a stranger would, then reads how it was compiled.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "consumer ${NAME}: ${what} failed (${status})\n${output}")
  endif()
endfunction()

# A program under test inherits none of our flags, and neither may a consumer.
unset(ENV{CXXFLAGS})
file(REMOVE_RECURSE "${WORK}")
set(include_dir "${ROOT}/include")
set(options "")
if(NAME STREQUAL "find_package")
  run("installing" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix")
  set(options "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
  set(include_dir "${WORK}/prefix/include")
elseif(NAME STREQUAL "compiled")
  run("configuring the library" "${CMAKE_COMMAND}" -S "${ROOT}" -B "${WORK}/library" -G "${GENERATOR}"
      "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" -DCMAKE_BUILD_TYPE=Release
      -DESPALIER_INSTALL_COMPILED=ON -DESPALIER_BUILD_TESTS=OFF -DESPALIER_BUILD_EXAMPLES=OFF -DESPALIER_BUILD_BENCH=OFF)
  run("building the library" "${CMAKE_COMMAND}" --build "${WORK}/library")
  run("installing the library" "${CMAKE_COMMAND}" --install "${WORK}/library" --prefix "${WORK}/prefix")
  set(options "-DCMAKE_PREFIX_PATH=${WORK}/prefix" -DCMAKE_BUILD_TYPE=Release)
  set(include_dir "${WORK}/prefix/include")
elseif(NAME STREQUAL "add_subdirectory")
  set(options "-DESPALIER_ROOT=${ROOT}")
elseif(NAME STREQUAL "fetch_content")
  set(options "-DFETCHCONTENT_SOURCE_DIR_ESPALIER=${ROOT}" -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
endif()
run("configuring" "${CMAKE_COMMAND}" -S "${ROOT}/tests/consumers/${NAME}" -B "${WORK}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${options})
run("building" "${CMAKE_COMMAND}" --build "${WORK}/build")
run("running" "${WORK}/build/consumer")
if(NAME STREQUAL "find_package")
  file(WRITE "${WORK}/missing/CMakeLists.txt" "cmake_minimum_required(VERSION 3.20)\nproject(missing LANGUAGES CXX)\n"
       "find_package(espalier 0.1 REQUIRED COMPONENTS nosuch)\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${WORK}/missing" -B "${WORK}/missing/build" -G "${GENERATOR}"
                          "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0 OR NOT output MATCHES "no component 'nosuch': expected gzip or compiled")
    message(FATAL_ERROR "consumer find_package: a component that is none gives (${status})\n${output}")
  endif()
endif()
if(NAME STREQUAL "compiled")
  foreach(program consumer header_only)
    execute_process(COMMAND "${WORK}/build/${program}" OUTPUT_VARIABLE ${program})
  endforeach()
  if(NOT consumer STREQUAL header_only)
    message(FATAL_ERROR "consumer compiled: the library computes\n${consumer}\nand the headers\n${header_only}")
  endif()
endif()

file(READ "${WORK}/build/compile_commands.json" commands)
string(FIND "${commands}" "-I${include_dir}" plain)
string(FIND "${commands}" "-isystem ${include_dir}" hidden)
if(plain EQUAL -1 OR NOT hidden EQUAL -1)
  message(FATAL_ERROR "consumer ${NAME}: our headers are not an ordinary include directory:\n${commands}")
endif()
# The flags that this consumer is there for, or chose itself.
string(REGEX REPLACE " -DESPALIER_COMPILED_LIBRARY| -O3 -DNDEBUG" "" commands "${commands}")
if(commands MATCHES " -(O|W|D|m|fopenmp)")
  message(FATAL_ERROR "consumer ${NAME}: we export a flag:\n${commands}")
endif()
file(GLOB ours "${WORK}/build/espalier/tests" "${WORK}/build/espalier/examples" "${WORK}/build/espalier/bench"
     "${WORK}/build/_deps/espalier-build/tests")
if(ours)
  message(FATAL_ERROR "consumer ${NAME}: our own targets were configured too: ${ours}")
endif()
