// SPDX-License-Identifier: Apache-2.0
// `next_items()`: the items that a model with a NextItem task expects next.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/deploy/predictor.hpp"

namespace espalier {

struct RankedItem {
  std::string item;
  float score = 0;  ///< ⟨h, E_r⟩; the model's probability of item r is proportional to e^score
};

/// The `most` items with the highest scores after a row of raw values, the highest first, ties by
/// their frequency in training; `without`: items to leave out, such as those already seen. The row
/// is read, counted and refused as by predict_row(). Throws ConfigError for a task that predicts no
/// items, a name that is not an input, `most` < 1, and for a predictor in bf16.
/// O(items · (width + log most)).
[[nodiscard]] std::vector<RankedItem> next_items(const PlanPredictor& predictor,
                                                 std::string_view task,
                                                 std::span<const NamedValue> row, Index most,
                                                 std::span<const std::string> without = {});
/// The same for a model with history inputs, such as PastItems, which are read from `state`.
[[nodiscard]] std::vector<RankedItem> next_items(const PlanPredictor& predictor,
                                                 std::string_view task,
                                                 std::span<const NamedValue> row,
                                                 const ServingState& state, Index most,
                                                 std::span<const std::string> without = {});

/// With lists: next_items(predictor, "next", {{"seen", "m17|m4"}}, 10, {"m9"}).
[[nodiscard]] inline std::vector<RankedItem> next_items(
    const PlanPredictor& predictor, std::string_view task, std::initializer_list<NamedValue> row,
    Index most, const std::vector<std::string>& without = {}) {
  return next_items(predictor, task, std::span<const NamedValue>(row.begin(), row.size()), most,
                    without);
}
[[nodiscard]] inline std::vector<RankedItem> next_items(
    const PlanPredictor& predictor, std::string_view task, std::initializer_list<NamedValue> row,
    const ServingState& state, Index most, const std::vector<std::string>& without = {}) {
  return next_items(predictor, task, std::span<const NamedValue>(row.begin(), row.size()), state,
                    most, without);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/next_items_definitions.hpp"
#endif
