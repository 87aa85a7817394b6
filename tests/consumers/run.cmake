# SPDX-License-Identifier: Apache-2.0
# Configures, builds and runs one consumer as an outside project, then checks its compiler commands.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "consumer ${NAME}: ${what} failed (${status})\n${output}")
  endif()
endfunction()

# A consumer must not inherit our flags.
unset(ENV{CXXFLAGS})
file(REMOVE_RECURSE "${WORK}")
set(include_dir "${ROOT}/include")
set(options "")
if(NAME STREQUAL "find_package" OR NAME STREQUAL "openmp")
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
# Configures the project `code`; more arguments go to CMake. It must fail with the message
# `expected`, compared without line breaks; "": it must succeed.
function(configures expected code)
  file(WRITE "${WORK}/asks/CMakeLists.txt" "cmake_minimum_required(VERSION 3.22)\nproject(asks LANGUAGES CXX)\n"
       "file(WRITE \"\${CMAKE_BINARY_DIR}/app.cpp\" \"int main() {}\")\nadd_executable(app \"\${CMAKE_BINARY_DIR}/app.cpp\")\n${code}\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${WORK}/asks" -B "${WORK}/asks/build" -G "${GENERATOR}"
                          "-DCMAKE_CXX_COMPILER=${COMPILER}" ${options} ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " said "${output}")
  string(FIND "${said}" "${expected}" at)
  if(at EQUAL -1 OR (expected STREQUAL "" AND NOT status EQUAL 0) OR (status EQUAL 0 AND NOT expected STREQUAL ""))
    message(FATAL_ERROR "consumer ${NAME}: configuring gives (${status}), expected '${expected}'\n${code}\n${output}")
  endif()
endfunction()
if(NAME STREQUAL "find_package")
  set(link "target_link_libraries(app PRIVATE")
  configures("no component 'nosuch': expected compiled, cuda, gzip or openmp" "find_package(espalier 0.1 REQUIRED COMPONENTS nosuch)")
  configures("no component 'compiled': it is installed with -DESPALIER_INSTALL_COMPILED=ON, no component 'gzip': no zlib is found here"
             "find_package(espalier REQUIRED COMPONENTS compiled gzip)" -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON)
  configures("espalier::compiled is missing: it is installed with -DESPALIER_INSTALL_COMPILED=ON"
             "find_package(espalier REQUIRED)\n${link} espalier::compiled)")
  configures("espalier::cuda is missing: it is installed with -DESPALIER_CUDA=ON"
             "find_package(espalier REQUIRED)\n${link} espalier::cuda)")
  configures("espalier::gzip is missing: no zlib is found here"
             "find_package(espalier REQUIRED)\n${link} espalier::gzip)" -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON)
  configures("compatible with requested version \"9.9\"" "find_package(espalier 9.9 REQUIRED)")
  # QUIET and optional requests set variables; a package that is not found defines no target.
  configures("" "
    function(check)
      if(NOT (\${ARGN}))
        message(FATAL_ERROR \"not so: \${ARGN}\")
      endif()
    endfunction()
    find_package(espalier 9.9 QUIET)
    check(NOT espalier_FOUND)
    find_package(espalier QUIET COMPONENTS nosuch)
    check(NOT espalier_FOUND AND NOT espalier_nosuch_FOUND AND NOT TARGET espalier::espalier)
    find_package(espalier COMPONENTS compiled)
    check(NOT espalier_FOUND AND NOT TARGET espalier::espalier)
    find_package(espalier REQUIRED OPTIONAL_COMPONENTS compiled nosuch)
    check(espalier_FOUND AND NOT espalier_compiled_FOUND AND NOT espalier_nosuch_FOUND)
    find_package(espalier 0.1 REQUIRED)
    check(espalier_FOUND)
    target_link_libraries(app PRIVATE espalier::espalier)")
  configures("no component 'openmp': the compiler has no OpenMP" "find_package(espalier REQUIRED COMPONENTS openmp)"
             -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON)
elseif(NAME STREQUAL "add_subdirectory")
  configures("espalier::openmp is missing: the compiler has no OpenMP"
             "add_subdirectory(\"${ROOT}\" espalier)\ntarget_link_libraries(app PRIVATE espalier::openmp)"
             -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON)
  configures("espalier::gzip is missing: no zlib was found when espalier was configured"
             "add_subdirectory(\"${ROOT}\" espalier)\ntarget_link_libraries(app PRIVATE espalier::gzip)"
             -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON)
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
# Only the unit behind espalier::openmp has OpenMP's flag.
string(REGEX REPLACE "{[^}]*openmp[.]cpp[^}]*}" "" commands "${commands}")
# Removes the flags that this consumer tests or sets itself.
string(REGEX REPLACE " -DESPALIER_COMPILED_LIBRARY| -O3 -DNDEBUG" "" commands "${commands}")
if(commands MATCHES " -(O|W|D|m|fopenmp)")
  message(FATAL_ERROR "consumer ${NAME}: we export a flag:\n${commands}")
endif()
file(GLOB ours "${WORK}/build/espalier/tests" "${WORK}/build/espalier/examples" "${WORK}/build/espalier/bench"
     "${WORK}/build/_deps/espalier-build/tests")
if(ours)
  message(FATAL_ERROR "consumer ${NAME}: our own targets were configured too: ${ours}")
endif()
