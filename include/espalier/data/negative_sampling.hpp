// SPDX-License-Identifier: Apache-2.0
// `sample_negatives`: negative sampling for implicit feedback; adds items with which the user did
// not interact.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct NegativeSamplingOptions {
  std::string user = "user";
  std::string item = "item";
  /// Name of the added column: 1 for positives, 0 for sampled negatives.
  std::string label = "label";
  int per_positive = 4;  ///< negatives per row
  /// Items are drawn ∝ (number of their rows)^popularity: 0 uniformly, 1 by frequency.
  double popularity = 0;
  /// Columns that a negative copies from its positive (for example a time).
  std::vector<std::string> keep{};
  std::uint64_t seed = 1;
};

/// The rows of `positives`, each followed by `per_positive` rows of the same user with other items
/// of `positives`: items that this user has neither in `positives` nor in `known` (the whole
/// history, if `positives` is a part of it). Negatives are drawn independently, so one may occur
/// twice. In negatives, all columns except user, item, label and `keep` are missing. A user who has
/// every item gets no negatives, which is reported in Table::notes; rows without user or item get
/// none either. The result depends on the seed, the row number and the items of each user. Expected
/// O(rows · per_positive). Throws ConfigError, DataError.
[[nodiscard]] Table sample_negatives(const Table& positives, const NegativeSamplingOptions& options,
                                     const Table* known = nullptr);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/negative_sampling_definitions.hpp"
#endif
