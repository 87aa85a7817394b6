// SPDX-License-Identifier: Apache-2.0
// `Precision`: what products are computed in.
#pragma once

#include <string_view>
#include <type_traits>

#include "espalier/kernels/cpu/bfloat16_kernels.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier {

/// `Precision::Fp32` or `Precision::Bf16`. Naming the second takes its kernels with it: a program
/// that does not name it does not compile them.
class Precision {
  struct Fp32Kind {};
  struct Bf16Kind {
    using Values = float;  // depends on the constructor's type, so that only its use compiles the kernels
  };

 public:
  static constexpr Fp32Kind Fp32{};
  /// Products of bf16 weights and activations, added up in float. Everything else is float:
  /// parameters in training, gradients, optimiser, losses, layers with few inputs or outputs. At
  /// inference parameters are kept as bf16.
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
