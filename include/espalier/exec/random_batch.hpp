// SPDX-License-Identifier: Apache-2.0
// `RandomBatch<T>`: random data that fits a plan, for tests and benchmarks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// `missing`: probability that a label is NaN. `sample_weights`: adds weights from [0.5, 2).
template <class T>
class RandomBatch {
 public:
  RandomBatch(const PlanView& plan, Index samples, const std::vector<Index>& vocabulary_rows,
              std::uint64_t seed, double missing = 0, bool sample_weights = false,
              bool full_sequences = false) {
    Random random(seed);
    Index numeric = 0;
    std::vector<std::string_view> tables;
    for (const FieldInfo& f : plan.schema.fields) {
      if (f.is_numeric()) {
        numeric += f.width;
        continue;
      }
      std::size_t v = 0;
      while (v < tables.size() && tables[v] != f.table) ++v;
      if (v == tables.size()) tables.push_back(f.table);
      const auto rows = static_cast<std::uint64_t>(vocabulary_rows[v]);
      std::vector<std::int32_t> ids, offsets;
      for (Index j = 0; j < samples; ++j) {
        const std::uint64_t most =
            f.pool == Pool::sequence ? static_cast<std::uint64_t>(f.most_values) : 3;
        const bool full = full_sequences && f.pool == Pool::sequence;
        const std::uint64_t values = f.pool == Pool::none ? 1
                                     : full               ? most
                                                          : random.below(most + 1);
        if (f.pool != Pool::none) offsets.push_back(static_cast<std::int32_t>(ids.size()));
        for (std::uint64_t k = 0; k < values; ++k)
          ids.push_back(static_cast<std::int32_t>(random.below(rows)));
      }
      if (f.pool != Pool::none) offsets.push_back(static_cast<std::int32_t>(ids.size()));
      ids_.push_back(std::move(ids));
      offsets_.push_back(std::move(offsets));
    }
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      columns_.push_back({ids_[i].data(), offsets_[i].empty() ? nullptr : offsets_[i].data()});
    }
    const auto rows_of = [&](const LabelInfo& label) {
      std::size_t v = 0;
      while (tables[v] != label.table) ++v;
      return static_cast<std::uint64_t>(vocabulary_rows[v]);
    };
    numeric_.resize(static_cast<std::size_t>(numeric * samples));
    for (T& x : numeric_) x = static_cast<T>(random.normal());
    for (const LabelInfo& label : plan.schema.labels) {
      for (Index j = 0; j < samples; ++j) {
        double y = random.normal();
        if (label.kind == LabelKind::binary) y = random.bernoulli(0.4) ? 1 : 0;
        if (label.kind == LabelKind::count) y = static_cast<double>(random.below(6));
        if (label.kind == LabelKind::item) y = static_cast<double>(random.below(rows_of(label)));
        if (label.kind == LabelKind::classes)
          y = static_cast<double>(random.below(static_cast<std::uint64_t>(label.classes)));
        labels_.push_back(random.bernoulli(missing) ? std::numeric_limits<T>::quiet_NaN()
                                                    : static_cast<T>(y));
      }
    }
    for (Index j = 0; j < samples && sample_weights; ++j)
      weights_.push_back(static_cast<T>(random.uniform(0.5, 2)));
    batch_.size = samples;
    batch_.numeric = {numeric_.data(), numeric, samples, numeric};
    batch_.ids = columns_;
    batch_.labels = {labels_.data(), samples, static_cast<Index>(plan.schema.labels.size()),
                     samples};
    batch_.weights = weights_.empty() ? nullptr : weights_.data();
  }

  RandomBatch(const RandomBatch&) = delete;
  RandomBatch& operator=(const RandomBatch&) = delete;

  [[nodiscard]] const Batch<T>& batch() const { return batch_; }

 private:
  std::vector<std::vector<std::int32_t>> ids_, offsets_;
  std::vector<IdColumn> columns_;
  std::vector<T> numeric_, labels_, weights_;
  Batch<T> batch_;
};

/// Number of vocabularies of a plan's tables.
[[nodiscard]] inline std::size_t vocabulary_count(const PlanView& plan) {
  int most = 0;
  for (const TableInfo& t : plan.tables) most = (std::max)(most, t.vocabulary + 1);
  return static_cast<std::size_t>(most);
}

}  // namespace espalier
