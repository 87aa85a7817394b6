# SPDX-License-Identifier: Apache-2.0
# cmake -DROOT=include -P config_first.cmake
# Each header must include core/config.hpp, which reports an unsuitable compiler, before our other
# code. All headers begin with includes, so it suffices that each includes one of our headers.
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
