// SPDX-License-Identifier: Apache-2.0
// `Bf16Parameters`: a model's parameters, with weight matrices and tables stored as bf16.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/passes/bf16_weights.hpp"

namespace espalier {

/// Biases, normalisation parameters, gates of routes and other small tensors, which no matrix
/// product reads, stay float.
class Bf16Parameters {
 public:
  Bf16Layout layout;
  Buffer<BFloat16> matrices;
  Buffer<float> rest;
  std::vector<Buffer<BFloat16>> tables;

  Bf16Parameters() = default;

  ESPALIER_COLD Bf16Parameters(const PlanView& plan, std::span<const OperationTraits> traits,
                               const Parameters<float>& parameters)
      : layout(plan, traits, static_cast<Index>(parameters.dense.size())),
        matrices(static_cast<std::size_t>(layout.matrices())),
        rest(static_cast<std::size_t>(layout.kept())) {
    Index last = 0, kept = 0;
    const float* const from = parameters.dense.data();
    for (const Bf16Layout::Range& r : layout.ranges()) {
      to_bf16(from + r.begin, r.size(), matrices.data() + r.place);
      std::copy(from + last, from + r.begin, rest.data() + kept);
      kept = r.kept_before;
      last = r.end;
    }
    std::copy(from + last, from + parameters.dense.size(), rest.data() + kept);
    for (const Buffer<float>& table : parameters.tables) {
      tables.emplace_back(table.size());
      to_bf16(table.data(), static_cast<Index>(table.size()), tables.back().data());
    }
  }

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = matrices.size() * sizeof(BFloat16) + rest.size() * sizeof(float);
    for (const Buffer<BFloat16>& table : tables) sum += table.size() * sizeof(BFloat16);
    return sum;
  }

 private:
  static void to_bf16(const float* from, Index count, BFloat16* to) {
    for (Index i = 0; i < count; ++i) to[i] = BFloat16(from[i]);
  }
};

}  // namespace espalier
