# SPDX-License-Identifier: Apache-2.0
# Sets `flags` to the -I options of INCLUDE_DIRS, which are separated by |.
set(flags "")
string(REPLACE "|" ";" include_dirs "${INCLUDE_DIRS}")
foreach(dir IN LISTS include_dirs)
  if(NOT dir MATCHES "^\\$<INSTALL_INTERFACE" AND NOT dir STREQUAL "")
    list(APPEND flags -I "${dir}")
  endif()
endforeach()
