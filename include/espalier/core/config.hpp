// SPDX-License-Identifier: Apache-2.0
// The version, and the few macros that the kernels need.
#pragma once

#define ESPALIER_VERSION_MAJOR 0
#define ESPALIER_VERSION_MINOR 1
#define ESPALIER_VERSION_PATCH 0

// Marks what a CUDA kernel may call too (a loss, an activation); nothing for a host compiler.
#if defined(__CUDACC__)
#define ESPALIER_HD __host__ __device__
#else
#define ESPALIER_HD
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ESPALIER_RESTRICT __restrict__
#define ESPALIER_COLD __attribute__((cold, noinline))  // runs rarely: small code, kept out of its callers
#else
#define ESPALIER_RESTRICT
#define ESPALIER_COLD
#endif

// Long functions that are no templates are defined in the headers, unless a program links espalier::compiled, whose target
// says ESPALIER_COMPILED_LIBRARY: cmake/espalier.cpp has them then, and what templates are instantiated with most.
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

#include <cstddef>
#include <cstdint>

namespace espalier {

/// Signed index of rows, columns, samples and offsets.
using Index = std::ptrdiff_t;

}  // namespace espalier
