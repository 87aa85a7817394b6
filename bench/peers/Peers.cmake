# SPDX-License-Identifier: Apache-2.0
# Other libraries, each where it is installed. The target `peers` builds those that are.
add_custom_target(peers)
find_package(Torch QUIET)
find_package(OpenMP QUIET COMPONENTS CXX)
find_package(OpenBLAS CONFIG QUIET)
find_package(dlib CONFIG QUIET)
# By hand, for its own package wants OpenCL's headers.
find_path(ESPALIER_DNNL_INCLUDE dnnl.hpp)
find_library(ESPALIER_DNNL_LIBRARY dnnl)
mark_as_advanced(ESPALIER_DNNL_INCLUDE ESPALIER_DNNL_LIBRARY)
set(dnnl_major 0)
if(ESPALIER_DNNL_INCLUDE AND EXISTS "${ESPALIER_DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h")
  file(STRINGS "${ESPALIER_DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h" dnnl_major REGEX "DNNL_VERSION_MAJOR +[0-9]+")
  string(REGEX MATCH "[0-9]+$" dnnl_major "${dnnl_major}")
endif()

# peers/peer_<name>.cpp with `include_dirs` as system headers, and the libraries that follow; or, where `found` is
# false, the sentence that it is left out.
function(espalier_add_peer name library packages found include_dirs)
  if(NOT found)
    message(STATUS "espalier: ${library} is not installed (Debian, Ubuntu: ${packages}); its benchmarks are left out")
    return()
  endif()
  set(target peer_${name})
  add_executable(${target} peers/${target}.cpp)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_include_directories(${target} SYSTEM PRIVATE ${include_dirs})
  target_link_libraries(${target} PRIVATE espalier_developer benchmark::benchmark ${ARGN})
  add_dependencies(peers ${target})
endfunction()

set(torch ${Torch_FOUND})
set(onednn OFF)
if(dnnl_major EQUAL 2 AND ESPALIER_DNNL_LIBRARY AND OpenMP_CXX_FOUND)
  set(onednn ON)
endif()
set(openblas OFF)
if(OpenBLAS_FOUND AND OpenMP_CXX_FOUND)
  set(openblas ON)
endif()
set(dlib OFF)
if(openblas AND TARGET dlib::dlib)
  set(dlib ON)
endif()
espalier_add_peer(libtorch libtorch libtorch-dev "${torch}" "${TORCH_INCLUDE_DIRS}" ${TORCH_LIBRARIES})
espalier_add_peer(onednn "oneDNN 2" libdnnl-dev ${onednn} "${ESPALIER_DNNL_INCLUDE}" "${ESPALIER_DNNL_LIBRARY}"
                  OpenMP::OpenMP_CXX)
espalier_add_peer(openblas OpenBLAS libopenblas-dev ${openblas} "${OpenBLAS_INCLUDE_DIRS}" ${OpenBLAS_LIBRARIES}
                  OpenMP::OpenMP_CXX)
espalier_add_peer(dlib "dlib, with OpenBLAS," "libdlib-dev libopenblas-dev" ${dlib} "${OpenBLAS_INCLUDE_DIRS}" dlib::dlib
                  ${OpenBLAS_LIBRARIES} OpenMP::OpenMP_CXX)

# What examples/short_video makes of the rows before, for trees_kuairand.py --check.
if(TARGET espalier_gzip)
  add_executable(kuairand_columns peers/kuairand_columns.cpp)
  target_include_directories(kuairand_columns PRIVATE "${PROJECT_SOURCE_DIR}/examples")
  target_compile_definitions(kuairand_columns PRIVATE "EXAMPLES_SCRIPTS=\"${PROJECT_SOURCE_DIR}/scripts\"")
  target_link_libraries(kuairand_columns PRIVATE espalier_developer espalier_gzip)
endif()
