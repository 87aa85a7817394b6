// SPDX-License-Identifier: Apache-2.0
// `Precision`: the precision of matrix products.
#pragma once

#include <string_view>
#include <type_traits>

#include "espalier/kernels/cpu/bfloat16_kernels.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier {

/// `Precision::Fp32` or `Precision::Bf16`. Only programs that name Bf16 compile its kernels.
class Precision {
  struct Fp32Kind {};
  struct Bf16Kind {
    // A dependent type in the constructor: the kernels are compiled only if it is used.
    using Values = float;
  };

 public:
  static constexpr Fp32Kind Fp32{};
  /// Products of bf16 weights and activations, accumulated in float. Everything else is float:
  /// parameters in training, gradients, optimiser, losses, layers with few inputs or outputs. At
  /// inference, parameters are stored as bf16.
  static constexpr Bf16Kind Bf16{};

  // NOLINTBEGIN(google-explicit-constructor): an option is given as its name.
  constexpr Precision(Fp32Kind) {}
  template <class Kind>
  requires std::is_same_v<Kind, Bf16Kind>
  constexpr Precision(Kind) : kernels_(&cpu::BFloat16Kernels<typename Kind::Values>::all) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] constexpr bool reduced() const { return kernels_ != nullptr; }
  [[nodiscard]] constexpr std::string_view name() const { return reduced() ? "bf16" : "fp32"; }
  [[nodiscard]] constexpr cpu::Device device() const { return {kernels_}; }

 private:
  const cpu::ReducedPrecisionKernels<float>* kernels_ = nullptr;
};

}  // namespace espalier
