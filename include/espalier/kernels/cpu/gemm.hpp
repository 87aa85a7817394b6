// SPDX-License-Identifier: Apache-2.0
// The matrix product of the dense kernels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "espalier/core/buffer.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gemm_dot.hpp"
#include "espalier/kernels/cpu/gemm_operands.hpp"
#include "espalier/kernels/cpu/instruction_set.hpp"
#include "espalier/kernels/cpu/reduced_precision_kernels.hpp"
#include "espalier/kernels/cpu/simd.hpp"

#define ESPALIER_SET ESPALIER_COMPILED_SET
#include "espalier/kernels/cpu/gemm_micro_kernel.inc"
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_packed.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET

#if ESPALIER_DISPATCH
ESPALIER_BEGIN_TARGET("avx2,fma")
#define ESPALIER_SET avx2
#include "espalier/kernels/cpu/simd.inc"

#include "espalier/kernels/cpu/gemm_dot.inc"
#include "espalier/kernels/cpu/gemm_micro_kernel.inc"
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_packed.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET
ESPALIER_END_TARGET

ESPALIER_BEGIN_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma")
#define ESPALIER_SET avx512
#include "espalier/kernels/cpu/simd.inc"

#include "espalier/kernels/cpu/gemm_dot.inc"
#include "espalier/kernels/cpu/gemm_micro_kernel.inc"
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_packed.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET
ESPALIER_END_TARGET
#endif

namespace espalier::cpu {

// Calls the function of the current instruction set.
#if ESPALIER_DISPATCH
#define ESPALIER_CALL_SET(...)     \
  switch (instruction_set()) {     \
    case InstructionSet::avx512:   \
      return avx512::__VA_ARGS__;  \
    case InstructionSet::avx2:     \
      return avx2::__VA_ARGS__;    \
    case InstructionSet::compiled: \
      break;                       \
  }                                \
  return ESPALIER_COMPILED_SET::__VA_ARGS__
#else
#define ESPALIER_CALL_SET(...) return ESPALIER_COMPILED_SET::__VA_ARGS__
#endif

/// C = act(A B + bias) or C += A B.
template <class T>
void gemm(Index m, Index n, Index k, const GemmInput<T>& a, const GemmInput<T>& b,
          const GemmOutput<T>& c) {
  if (m == 0 || n == 0) return;
  ESPALIER_CALL_SET(product<T>(m, n, k, a, b, c));
}

/// y = act(W x + bias), W (m × k) packed by pack_weights(); rows below the panels are read from
/// `rows`.
template <class T>
void packed_times(Index m, Index k, const T* panels, const T* rows, const T* x,
                  const GemmOutput<T>& y) {
  ESPALIER_CALL_SET(packed_times_column<T>(m, k, panels, rows, x, y));
}

/// Allocates what a thread's first product would allocate.
template <class T>
void prepare_thread(Device device) {
  if (const auto* reduced = reduced_precision_kernels<T>(device)) reduced->prepare_thread();
  ESPALIER_CALL_SET(make_pack_room<T>());
}
#undef ESPALIER_CALL_SET

#if defined(ESPALIER_INSTANTIATION)
#define ESPALIER_GEMM(T)                                                                  \
  ESPALIER_INSTANTIATION void gemm<T>(Index, Index, Index, const GemmInput<T>&,           \
                                      const GemmInput<T>&, const GemmOutput<T>&);         \
  ESPALIER_INSTANTIATION void packed_times<T>(Index, Index, const T*, const T*, const T*, \
                                              const GemmOutput<T>&);                      \
  ESPALIER_INSTANTIATION void prepare_thread<T>(Device);
ESPALIER_INSTANTIATE(ESPALIER_GEMM)
#undef ESPALIER_GEMM
#endif

}  // namespace espalier::cpu
