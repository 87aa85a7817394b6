# SPDX-License-Identifier: Apache-2.0
# cmake -DROOT=include -P config_first.cmake
# Each header reads core/config.hpp, which says what the compiler lacks, before anything of ours: all begin with includes, so
# it is enough that each includes one of ours.
file(GLOB_RECURSE headers RELATIVE "${ROOT}" "${ROOT}/espalier/*.hpp")
list(REMOVE_ITEM headers espalier/core/config.hpp)
list(LENGTH headers count)
if(count LESS 100)
  message(FATAL_ERROR "${ROOT} has ${count} headers: is it the right folder?")
endif()
foreach(header IN LISTS headers)
  file(READ "${ROOT}/${header}" text)
  if(NOT text MATCHES "\n#include \"espalier/")
    message(FATAL_ERROR "${header} includes none of our headers: let it include espalier/core/config.hpp")
  endif()
endforeach()
