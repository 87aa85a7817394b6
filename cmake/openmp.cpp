// SPDX-License-Identifier: Apache-2.0
// The library behind the target espalier::openmp: thread pools run on OpenMP's threads. The only
// unit of espalier that is compiled with the compiler's OpenMP flag.
#include <omp.h>

#include "espalier/core/thread_backend.hpp"

#if !defined(_OPENMP)
#error "espalier: openmp.cpp is compiled with the compiler's OpenMP flag, e.g. -fopenmp"
#endif

namespace espalier {
namespace {

class OpenMpBackend final : public ThreadBackend {
 public:
  [[nodiscard]] int default_threads() const noexcept override {
    return in_parallel_region() ? 1 : omp_get_max_threads();
  }

  // omp_in_parallel() does not count regions of one thread, which an application may have asked
  // for.
  [[nodiscard]] bool in_parallel_region() const noexcept override { return omp_get_level() > 0; }

  void run(int threads, FunctionRef<void(int worker)> function) const override {
#pragma omp parallel num_threads(threads)
    function(omp_get_thread_num());
  }
};

const OpenMpBackend backend;

}  // namespace

// The target's link options name this symbol, so that linkers take this unit from the static
// library.
extern "C" int espalier_openmp_registered;
int espalier_openmp_registered = (set_thread_backend(&backend), 1);

}  // namespace espalier
