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

#include <cstddef>
#include <cstdint>

namespace espalier {

/// Signed index of rows, columns, samples and offsets.
using Index = std::ptrdiff_t;

}  // namespace espalier
