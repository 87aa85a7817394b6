// SPDX-License-Identifier: Apache-2.0
// Linking the target is all that a program does to run on OpenMP's threads.
#include <espalier/core/threads.hpp>

#if defined(_OPENMP)
#error "the target exports OpenMP's flag"
#endif

int main() {
  if (espalier::thread_backend() == nullptr) return 1;
  espalier::ThreadPool pool(2);
  std::atomic<int> sum{0};
  pool.run(10, [&](espalier::Index piece, int) { sum += static_cast<int>(piece); });
  return sum == 45 ? 0 : 2;
}
