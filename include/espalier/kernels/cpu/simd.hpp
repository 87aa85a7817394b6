// SPDX-License-Identifier: Apache-2.0
// Vectors as wide as what the compiler targets.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/instruction_set.hpp"

// Before a short loop whose passes are to stand in a row, whatever the optimisation level: its
// arrays are registers then.
#if defined(__clang__)
#define ESPALIER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ESPALIER_UNROLL _Pragma("GCC unroll 16")
#endif

// On a function whose one loop is all of the work: the loop begins with a line of the instruction
// cache. Where it straddled three instead of two, a product took a quarter longer (Zen 3).
#if defined(__GNUC__) && !defined(__clang__)
#define ESPALIER_ALIGN_LOOPS [[gnu::optimize("align-loops=64")]]
#else
#define ESPALIER_ALIGN_LOOPS
#endif

#define ESPALIER_SET ESPALIER_COMPILED_SET
#include "espalier/kernels/cpu/simd.inc"
#undef ESPALIER_SET
