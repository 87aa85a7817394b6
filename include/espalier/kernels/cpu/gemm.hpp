// SPDX-License-Identifier: Apache-2.0
// The matrix product that the dense kernels stand on.
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
#include "espalier/kernels/cpu/narrow_kernels.hpp"
#include "espalier/kernels/cpu/simd.hpp"

#define ESPALIER_SET ESPALIER_COMPILED_SET
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_panels.inc"
#include "espalier/kernels/cpu/gemm_tile.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET

#if ESPALIER_DISPATCH
ESPALIER_BEGIN_TARGET("avx2,fma")
#define ESPALIER_SET avx2
#include "espalier/kernels/cpu/simd.inc"

#include "espalier/kernels/cpu/gemm_dot.inc"
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_panels.inc"
#include "espalier/kernels/cpu/gemm_tile.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET
ESPALIER_END_TARGET

ESPALIER_BEGIN_TARGET("avx512f,avx512dq,avx512bw,avx512vl,fma")
#define ESPALIER_SET avx512
#include "espalier/kernels/cpu/simd.inc"

#include "espalier/kernels/cpu/gemm_dot.inc"
#include "espalier/kernels/cpu/gemm_outer.inc"
#include "espalier/kernels/cpu/gemm_panels.inc"
#include "espalier/kernels/cpu/gemm_tile.inc"

#include "espalier/kernels/cpu/gemm.inc"
#undef ESPALIER_SET
ESPALIER_END_TARGET
#endif

namespace espalier::cpu {

/// C = act(A B + bias) or C += A B, by the instruction set in use.
template <class T>
void gemm(Index m, Index n, Index k, const GemmInput<T>& a, const GemmInput<T>& b,
          const GemmOutput<T>& c) {
  if (m == 0 || n == 0) return;
#if ESPALIER_DISPATCH
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return avx512::product<T>(m, n, k, a, b, c);
    case InstructionSet::avx2:
      return avx2::product<T>(m, n, k, a, b, c);
    case InstructionSet::compiled:
      break;
  }
#endif
  product<T>(m, n, k, a, b, c);
}

/// y = act(W x + bias), W (m × k) as make_panels() made it and, for what is left below the panels,
/// row after row.
template <class T>
void panels_times(Index m, Index k, const T* panels, const T* rows, const T* x,
                  const GemmOutput<T>& y) {
#if ESPALIER_DISPATCH
  switch (instruction_set()) {
    case InstructionSet::avx512:
      return avx512::panels_times_column<T>(m, k, panels, rows, x, y);
    case InstructionSet::avx2:
      return avx2::panels_times_column<T>(m, k, panels, rows, x, y);
    case InstructionSet::compiled:
      break;
  }
#endif
  panels_times_column<T>(m, k, panels, rows, x, y);
}

/// What a thread's first product would allocate.
template <class T>
void prepare_thread(Device device) {
  if (const auto* narrow = narrow_kernels<T>(device)) narrow->prepare_thread();
#if ESPALIER_DISPATCH
  switch (instruction_set()) {
    case InstructionSet::avx512:
      avx512::pack_room<T>();
      return;
    case InstructionSet::avx2:
      avx2::pack_room<T>();
      return;
    case InstructionSet::compiled:
      break;
  }
#endif
  pack_room<T>();
}

#if defined(ESPALIER_INSTANTIATION)
ESPALIER_INSTANTIATION void gemm<float>(Index, Index, Index, const GemmInput<float>&,
                                        const GemmInput<float>&, const GemmOutput<float>&);
ESPALIER_INSTANTIATION void panels_times<float>(Index, Index, const float*, const float*,
                                                const float*, const GemmOutput<float>&);
ESPALIER_INSTANTIATION void prepare_thread<float>(Device);
#endif

}  // namespace espalier::cpu
