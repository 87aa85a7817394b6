// SPDX-License-Identifier: Apache-2.0
// `SequenceLimits`: refuses batches whose sequences are longer than a plan has memory for.
#pragma once

#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

class SequenceLimits {
 public:
  SequenceLimits() = default;
  ESPALIER_COLD explicit SequenceLimits(const PlanView& plan) {
    std::size_t column = 0;
    for (const FieldInfo& f : plan.schema.fields) {
      if (f.is_numeric()) continue;
      if (f.pool == Pool::sequence) limits_.push_back({column, f.most_values, f.name});
      ++column;
    }
  }

  /// Throws ConfigError, naming field and sample.
  template <class T>
  void check(const Batch<T>& batch) const {
    for (const Limit& limit : limits_) {
      const std::int32_t* const offsets = batch.ids[limit.column].offsets;
      if (offsets[0] != 0)
        throw_error<ConfigError>({"sequence '", limit.name, "': the offsets of a batch begin with ",
                                  Index{offsets[0]}, ", expected 0"});
      for (Index j = 0; j < batch.size; ++j) {
        const Index values = Index{offsets[j + 1]} - offsets[j];
        if (values < 0 || values > limit.most)
          throw_error<ConfigError>({"sequence '", limit.name, "': sample ", j, " of a batch has ",
                                    values, " values, expected 0 to ", limit.most});
      }
    }
  }

 private:
  struct Limit {
    std::size_t column;
    Index most;
    std::string_view name;
  };
  std::vector<Limit> limits_;
};

}  // namespace espalier
