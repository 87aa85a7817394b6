# SPDX-License-Identifier: Apache-2.0
# cmake -DCOMPILER=… -DFILE=… -DINCLUDE_DIRS=a|b [-DPRECOMPILED=common.hpp] -P check.cmake
# Compiles FILE. PRECOMPILED is included before it, in files without flags of their own: if a header
# precompiled by precompile.cmake is beside it, it takes a third of the time.
# FILE states, one per line:
#   // expect: <sentence>   must fail, and the first error has this text; `compiles`: must compile
#   // lines: <n>           maximum number of lines of compiler output; default 19
#   // flags: <flags>       appended to -std=c++20
function(stated key result default)
  file(STRINGS "${FILE}" line REGEX "^// ${key}: " LIMIT_COUNT 1)
  string(REGEX REPLACE "^// ${key}: " "" line "${line}")
  if(line STREQUAL "")
    set(line "${default}")
  endif()
  set(${result} "${line}" PARENT_SCOPE)
endfunction()
stated(expect expected "")
stated(lines most 19)
stated(flags more_flags "")
if(expected STREQUAL "")
  message(FATAL_ERROR "${FILE} has no line `// expect: <sentence>`")
endif()

separate_arguments(more_flags UNIX_COMMAND "${more_flags}")
include("${CMAKE_CURRENT_LIST_DIR}/include_flags.cmake")
if(PRECOMPILED AND NOT more_flags)
  list(APPEND flags -include "${PRECOMPILED}")
  # Up to two lines that name the path of includes are missing then.
  math(EXPR most "${most} - 2")
endif()
set(ENV{LC_ALL} C)
execute_process(COMMAND "${COMPILER}" -std=c++20 -DESPALIER_COMPILED_LIBRARY ${more_flags} -fsyntax-only ${flags} "${FILE}"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(expected STREQUAL "compiles")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${FILE} should compile:\n${output}")
  endif()
  return()
elseif(status EQUAL 0)
  message(FATAL_ERROR "${FILE} compiles; expected an error with: ${expected}")
endif()
# clang++ escapes the quotes in messages with backslashes.
string(REPLACE "\\\"" "\"" said "${output}")
string(REGEX MATCH "error: [^\n]*" first "${said}")
string(FIND "${first}" "${expected}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${FILE} fails, and its first error is not the sentence.\nexpected: ${expected}\n${output}")
endif()
string(REGEX MATCHALL "\n" lines "${output}")
list(LENGTH lines count)
if(count GREATER most)
  message(FATAL_ERROR "${FILE} gives ${count} lines; at most ${most} are expected.\n${output}")
endif()
