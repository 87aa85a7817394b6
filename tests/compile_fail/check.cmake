# SPDX-License-Identifier: Apache-2.0
# cmake -DCOMPILER=… -DFILE=… -DINCLUDE_DIRS=a|b -P check.cmake
# FILE states `// expect: <sentence>`: compiling it must fail and say that sentence. `// expect: compiles` is a control.
file(STRINGS "${FILE}" expected REGEX "^// expect: " LIMIT_COUNT 1)
string(REGEX REPLACE "^// expect: " "" expected "${expected}")
if(expected STREQUAL "")
  message(FATAL_ERROR "${FILE} has no line `// expect: <sentence>`")
endif()

string(REPLACE "|" ";" include_dirs "${INCLUDE_DIRS}")
set(flags "")
foreach(dir IN LISTS include_dirs)
  if(dir MATCHES "^\\$<INSTALL_INTERFACE" OR dir STREQUAL "")
    continue()
  endif()
  list(APPEND flags -I "${dir}")
endforeach()
execute_process(COMMAND "${COMPILER}" -std=c++20 -fsyntax-only ${flags} "${FILE}"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(expected STREQUAL "compiles")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${FILE} should compile:\n${output}")
  endif()
elseif(status EQUAL 0)
  message(FATAL_ERROR "${FILE} compiles; expected an error with: ${expected}")
else()
  string(FIND "${output}" "${expected}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${FILE} fails without its sentence.\nexpected: ${expected}\n${output}")
  endif()
endif()
