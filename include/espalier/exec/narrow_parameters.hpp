// SPDX-License-Identifier: Apache-2.0
// `NarrowParameters`: a model's parameters in half the bytes: matrices of weights and tables as
// bf16.
#pragma once

#include <algorithm>
#include <cassert>
#include <span>
#include <vector>

#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/ops/dense_matrices.hpp"

namespace espalier {

/// Biases, normalisation, gates of routes and the like stay float: few values, which no product
/// reads.
class NarrowParameters {
 public:
  Buffer<BFloat16> matrices;
  Buffer<float> rest;
  std::vector<Buffer<BFloat16>> tables;

  NarrowParameters() = default;

  ESPALIER_COLD NarrowParameters(const PlanView& plan, const Parameters<float>& parameters) {
    find_matrices(plan);
    Index last = 0, kept = 0;
    for (Range& r : ranges_) {
      kept += r.begin - last;
      last = r.end;
      r.kept_before = kept;
    }
    const auto all = static_cast<Index>(parameters.dense.size());
    matrices = Buffer<BFloat16>(static_cast<std::size_t>(
        ranges_.empty() ? 0 : ranges_.back().place + ranges_.back().size()));
    rest = Buffer<float>(static_cast<std::size_t>(kept + all - last));
    last = kept = 0;
    const float* const from = parameters.dense.data();
    for (const Range& r : ranges_) {
      narrow(from + r.begin, r.size(), matrices.data() + r.place);
      std::copy(from + last, from + r.begin, rest.data() + kept);
      kept = r.kept_before;
      last = r.end;
    }
    std::copy(from + last, from + all, rest.data() + kept);
    for (const Buffer<float>& table : parameters.tables) {
      tables.emplace_back(table.size());
      narrow(table.data(), static_cast<Index>(table.size()), tables.back().data());
    }
  }

  /// Lets nodes of the plan find their parameters here.
  ESPALIER_COLD void redirect(std::span<Node> nodes) const {
    for (Node& node : nodes) {
      for (std::size_t p = 0; p < node.parameters.size(); ++p) {
        Extent& e = node.parameters[p];
        if (e.exists()) e.offset = is_matrix(node, p) ? place_of(e.offset) : kept_at(e.offset);
      }
    }
  }

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = matrices.size() * sizeof(BFloat16) + rest.size() * sizeof(float);
    for (const Buffer<BFloat16>& table : tables) sum += table.size() * sizeof(BFloat16);
    return sum;
  }

 private:
  /// Of the plan's parameters: neighbouring matrices.
  struct Range {
    Index begin = 0, end = 0;
    Index place = 0;        ///< within `matrices`
    Index kept_before = 0;  ///< values of `rest` that lie before it

    [[nodiscard]] Index size() const { return end - begin; }
  };

  void find_matrices(const PlanView& plan) {
    for (const DenseMatrix& m : dense_matrices(plan.nodes)) ranges_.push_back({m.offset, m.end()});
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    std::size_t made = 0;
    for (const Range& r : ranges_) {
      if (made > 0 && r.begin <= ranges_[made - 1].end) {  // a neighbour, or read by several nodes
        ranges_[made - 1].end = (std::max)(ranges_[made - 1].end, r.end);
      } else {
        ranges_[made++] = r;
      }
    }
    ranges_.resize(made);
    constexpr Index line = 64 / static_cast<Index>(sizeof(BFloat16));
    Index place = 0;
    for (Range& r : ranges_) {
      r.place = place;
      place += (r.size() + line - 1) / line * line;
    }
  }

  static void narrow(const float* from, Index count, BFloat16* to) {
    for (Index i = 0; i < count; ++i) to[i] = BFloat16(from[i]);
  }

  [[nodiscard]] Index place_of(Index offset) const {
    const auto r = std::find_if(ranges_.begin(), ranges_.end(),
                                [&](const Range& x) { return offset < x.end; });
    return r->place + offset - r->begin;
  }
  [[nodiscard]] Index kept_at(Index offset) const {
    Index removed = 0;
    for (const Range& r : ranges_) {
      assert(offset < r.begin || offset >= r.end);
      if (r.begin < offset) removed += r.size();
    }
    return offset - removed;
  }

  std::vector<Range> ranges_;  ///< in order
};

}  // namespace espalier
