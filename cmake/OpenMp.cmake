# SPDX-License-Identifier: Apache-2.0
# The target espalier_openmp: compiled by the project that links it, with its compiler, so that
# there is only one OpenMP runtime. Included by our CMakeLists.txt and, installed next to
# openmp.cpp, by the package.

# Sets ${reason} to the reason why OpenMP is not available, or to "".
macro(espalier_find_openmp reason)
  find_package(OpenMP QUIET COMPONENTS CXX)
  set(${reason} "")
  if(NOT OpenMP_CXX_FOUND)
    set(${reason} "the compiler has no OpenMP (clang++ on Debian: libomp-dev)")
  endif()
endmacro()

function(espalier_add_openmp library)
  add_library(espalier_openmp STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/openmp.cpp")
  set_target_properties(espalier_openmp PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  # Private: exports no flag; consumers link only the runtime.
  target_link_libraries(espalier_openmp PUBLIC ${library} PRIVATE OpenMP::OpenMP_CXX)
  # Nothing refers to the self-registering unit, so linkers would drop it without this option.
  if(APPLE)
    target_link_options(espalier_openmp INTERFACE "LINKER:-u,_espalier_openmp_registered")
  else()
    target_link_options(espalier_openmp INTERFACE "LINKER:-u,espalier_openmp_registered")
  endif()
endfunction()
