// SPDX-License-Identifier: Apache-2.0
// SIMD vectors of the width that the compiler targets.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/instruction_set.hpp"

// Unrolls the following short loop (up to 16 iterations) at every optimisation level, so that its
// arrays are kept in registers.
#if defined(__clang__)
#define ESPALIER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ESPALIER_UNROLL _Pragma("GCC unroll 16")
#endif

// For a function whose single loop does all the work: aligns the loop to a line of the instruction
// cache. A loop that spanned three lines instead of two made a product 25% slower (Zen 3).
#if defined(__GNUC__) && !defined(__clang__)
#define ESPALIER_ALIGN_LOOPS [[gnu::optimize("align-loops=64")]]
#else
#define ESPALIER_ALIGN_LOOPS
#endif

#define ESPALIER_SET ESPALIER_COMPILED_SET
#include "espalier/kernels/cpu/simd.inc"
#undef ESPALIER_SET
