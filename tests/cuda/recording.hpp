// SPDX-License-Identifier: Apache-2.0
// What was submitted to the emulated GPU, for tests; and its settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace espalier::cuda {

struct Recording {
  std::map<std::string, int> submitted;  ///< by name: kernels, copies and clears
  int graphs = 0;                        ///< launches of graphs
  int waits = 0;                         ///< times that the host waited
};

[[nodiscard]] Recording& recording();
/// False on a real GPU, where nothing is recorded.
[[nodiscard]] bool emulated();
/// Allocations of more bytes than this fail.
void limit_memory(std::size_t bytes);
/// Seeds the order in which blocks and threads run.
void seed_emulator(std::uint64_t seed);

}  // namespace espalier::cuda
