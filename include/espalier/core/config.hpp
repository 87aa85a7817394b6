// SPDX-License-Identifier: Apache-2.0
// Requirements on the compiler, the version, and macros that the kernels need.
#pragma once

// Unsupported compilers and flags are rejected first, with a one-line error; the include of a file
// that does not exist stops the compilation there. Compilers in C++98 mode must be able to read
// this part.
#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L || \
    (defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 14)
#error "espalier: C++20 is needed: compile with -std=c++20, by g++ 11, clang++ 14 or newer"
#include "espalier: stopped here"
#elif !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "espalier: exceptions are needed: compile without -fno-exceptions"
#include "espalier: stopped here"
#elif (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || defined(_M_FP_FAST)
#error \
    "espalier: NaN marks missing values: compile without -ffast-math, -Ofast, -ffinite-math-only (MSVC: /fp:fast)"
#include "espalier: stopped here"
#endif

#define ESPALIER_VERSION_MAJOR 0
#define ESPALIER_VERSION_MINOR 1
#define ESPALIER_VERSION_PATCH 0

// Marks functions that a CUDA kernel may call too (losses, activations); empty for a host compiler.
#if defined(__CUDACC__)
#define ESPALIER_HD __host__ __device__
#else
#define ESPALIER_HD
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ESPALIER_RESTRICT __restrict__
#define ESPALIER_COLD __attribute__((cold, noinline))  // rarely runs: small code, not inlined
#else
#define ESPALIER_RESTRICT
#define ESPALIER_COLD
#endif

// Long non-template functions are defined in the headers, unless a program links
// espalier::compiled, whose target defines ESPALIER_COMPILED_LIBRARY: then cmake/espalier.cpp
// contains them, and the most common template instantiations.
#if defined(ESPALIER_COMPILING_LIBRARY)
#define ESPALIER_DEFINE 1
#define ESPALIER_INLINE
#define ESPALIER_INSTANTIATION template
#else
#if defined(ESPALIER_COMPILED_LIBRARY)
#define ESPALIER_DEFINE 0
#define ESPALIER_INSTANTIATION extern template
#else
#define ESPALIER_DEFINE 1
#endif
#define ESPALIER_INLINE inline
#endif
// LIST(T), a macro of such instantiations: for float, and, in our own tests, for double.
#if defined(ESPALIER_COMPILED_DOUBLE)
#define ESPALIER_INSTANTIATE(LIST) LIST(float) LIST(double)
#else
#define ESPALIER_INSTANTIATE(LIST) LIST(float)
#endif

#include <cstddef>
#include <cstdint>

namespace espalier {

/// Signed index of rows, columns, samples and offsets.
using Index = std::ptrdiff_t;

}  // namespace espalier
