# SPDX-License-Identifier: Apache-2.0
# cmake -DCOMPILER=… -DFILE=…/common.hpp -DINCLUDE_DIRS=a|b -P precompile.cmake
# Writes FILE, a header of what most files of this folder include, and precompiles it.
file(WRITE "${FILE}" "#include \"espalier/describe/fold.hpp\"\n#include \"espalier/describe/model.hpp\"\n"
                     "#include \"espalier/losses/losses.hpp\"\n#include \"espalier/ops/cpu/program.hpp\"\n")
include("${CMAKE_CURRENT_LIST_DIR}/include_flags.cmake")
execute_process(COMMAND "${COMPILER}" -std=c++20 -DESPALIER_COMPILED_LIBRARY ${flags} -x c++-header "${FILE}" -o "${FILE}.gch"
                RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${FILE} does not compile")
endif()
