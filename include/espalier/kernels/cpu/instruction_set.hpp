// SPDX-License-Identifier: Apache-2.0
// The instruction sets that the kernels are compiled for, and the one in use.
#pragma once

#include <atomic>
#include <cstdlib>
#include <string_view>

#include "espalier/core/error.hpp"

// The instruction set that the compiler targets. Code that passes registers between functions is in
// a namespace of this name, so that translation units compiled for different processors can be
// linked into one program.
#if defined(__AVX512F__)
#define ESPALIER_COMPILED_SET compiled_avx512
#define ESPALIER_VECTOR_BYTES 64
#define ESPALIER_VECTOR_REGISTERS 32
#elif defined(__AVX__)
#if defined(__AVX2__) && defined(__FMA__)
#define ESPALIER_COMPILED_SET compiled_avx2
#else
#define ESPALIER_COMPILED_SET compiled_avx
#endif
#define ESPALIER_VECTOR_BYTES 32
#define ESPALIER_VECTOR_REGISTERS 16
#else
#define ESPALIER_COMPILED_SET compiled_baseline
#define ESPALIER_VECTOR_BYTES 16
#define ESPALIER_VECTOR_REGISTERS 16
#endif

// Whether products are also compiled for AVX2 and AVX-512: yes if the compiler targets less than
// AVX2 with FMA, unless ESPALIER_NO_DISPATCH is defined.
#if defined(__x86_64__) && defined(__GNUC__) && !(defined(__AVX2__) && defined(__FMA__)) && \
    !defined(ESPALIER_NO_DISPATCH)
#define ESPALIER_DISPATCH 1
#else
#define ESPALIER_DISPATCH 0
#endif

// Only functions defined between these two macros are compiled for these instructions; functions
// that they call from elsewhere, templates included, are not affected.
#define ESPALIER_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define ESPALIER_BEGIN_TARGET(names) \
  ESPALIER_PRAGMA(clang attribute push(__attribute__((target(names))), apply_to = function))
#define ESPALIER_END_TARGET _Pragma("clang attribute pop")
#else
#define ESPALIER_BEGIN_TARGET(names) _Pragma("GCC push_options") ESPALIER_PRAGMA(GCC target(names))
#define ESPALIER_END_TARGET _Pragma("GCC pop_options")
#endif

namespace espalier {

/// The instruction set that products use, in programs that are compiled for less than AVX2. Results
/// differ between sets in the last bits.
enum class InstructionSet : int {
  compiled,  ///< what the compiler targets
  avx2,      ///< AVX2 and FMA
  avx512,    ///< AVX-512 F, DQ, BW and VL
};

/// Returns whether the processor supports `set`.
[[nodiscard]] inline bool has_instruction_set(InstructionSet set) {
  if (set == InstructionSet::compiled) return true;
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
  return set == InstructionSet::avx2 ||
         (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
#else
  return false;
#endif
}

namespace detail {

/// −1 until the first use. Any thread may set it; all threads find the same value.
inline std::atomic<int> instruction_set_in_use{-1};

/// Returns the largest set that the processor supports and `wanted` allows. `wanted`: the value of
/// the environment variable, or null. Throws ConfigError for an unknown name.
[[nodiscard]] ESPALIER_COLD inline InstructionSet find_instruction_set(const char* wanted) {
  const std::string_view name = wanted == nullptr ? "" : wanted;
  if (!name.empty() && name != "compiled" && name != "avx2" && name != "avx512") {
    throw_error<ConfigError>({"environment variable ESPALIER_INSTRUCTION_SET is '", name,
                              "'; expected compiled, avx2 or avx512"});
  }
  if (name == "compiled" || !has_instruction_set(InstructionSet::avx2))
    return InstructionSet::compiled;
  return name != "avx2" && has_instruction_set(InstructionSet::avx512) ? InstructionSet::avx512
                                                                       : InstructionSet::avx2;
}

}  // namespace detail

/// Returns the instruction set in use: the largest that the processor supports, or a smaller one
/// chosen by the environment variable ESPALIER_INSTRUCTION_SET (compiled, avx2, avx512) or
/// use_instruction_set(). Throws ConfigError if the variable has another value.
[[nodiscard]] inline InstructionSet instruction_set() {
  const int known = detail::instruction_set_in_use.load(std::memory_order_relaxed);
  if (known >= 0) return static_cast<InstructionSet>(known);
  const InstructionSet found =
      detail::find_instruction_set(std::getenv("ESPALIER_INSTRUCTION_SET"));
  detail::instruction_set_in_use.store(static_cast<int>(found), std::memory_order_relaxed);
  return found;
}

/// Sets the instruction set for the whole program; must not be called during a computation. Throws
/// ConfigError if the processor does not support it.
inline void use_instruction_set(InstructionSet set) {
  if (!has_instruction_set(set)) {
    throw_error<ConfigError>({"instruction set: the processor has no ",
                              set == InstructionSet::avx2 ? "AVX2 with FMA" : "AVX-512"});
  }
  detail::instruction_set_in_use.store(static_cast<int>(set), std::memory_order_relaxed);
}

namespace cpu {

namespace ESPALIER_COMPILED_SET {
inline constexpr int vector_bytes = ESPALIER_VECTOR_BYTES;
inline constexpr int vector_registers = ESPALIER_VECTOR_REGISTERS;
}  // namespace ESPALIER_COMPILED_SET
using namespace ESPALIER_COMPILED_SET;

#if ESPALIER_DISPATCH
namespace avx2 {
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
}  // namespace avx2
namespace avx512 {
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
}  // namespace avx512
#endif

}  // namespace cpu

}  // namespace espalier
