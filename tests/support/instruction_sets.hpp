// SPDX-License-Identifier: Apache-2.0
// Runs a test once per instruction set that the program was compiled for and the processor
// supports.
#pragma once

#include <doctest/doctest.h>

#include "espalier/kernels/cpu/instruction_set.hpp"

namespace espalier_test {

template <class Test>
void with_each_instruction_set(Test test) {
  using espalier::InstructionSet;
  const InstructionSet before = espalier::instruction_set();
  for (const auto set : {InstructionSet::compiled, InstructionSet::avx2, InstructionSet::avx512}) {
    if (set != InstructionSet::compiled &&
        (ESPALIER_DISPATCH == 0 || !espalier::has_instruction_set(set)))
      continue;
    CAPTURE(static_cast<int>(set));
    espalier::use_instruction_set(set);
    test(set);
  }
  espalier::use_instruction_set(before);
}

}  // namespace espalier_test
