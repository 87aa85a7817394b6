// SPDX-License-Identifier: Apache-2.0
// Products with few rows or columns, for the instruction set that the compiler targets.
#pragma once

#include <cstddef>
#include <type_traits>

#include "espalier/kernels/cpu/gemm_operands.hpp"
#include "espalier/kernels/cpu/simd.hpp"

#define ESPALIER_SET ESPALIER_COMPILED_SET
#include "espalier/kernels/cpu/gemm_dot.inc"
#undef ESPALIER_SET
