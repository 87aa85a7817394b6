// SPDX-License-Identifier: Apache-2.0
#include "processors.hpp"

#include <cstdio>

int main() {
  __builtin_cpu_init();
  // Skipped: the linker may choose any unit's copy of a shared function.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 77;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (ESPALIER_UP_TO == 4 && !wide) return 77;
  int wrong[] = {wrong_in_baseline_unit(), wrong_in_v3_unit(), 0};
  if constexpr (ESPALIER_UP_TO == 4) wrong[2] = wrong_in_v4_unit();
  std::printf("wrong results: %d baseline, %d x86-64-v3, %d x86-64-v4\n", wrong[0], wrong[1],
              wrong[2]);
  return wrong[0] + wrong[1] + wrong[2] == 0 ? 0 : 1;
}
