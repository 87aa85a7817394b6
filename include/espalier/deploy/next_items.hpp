// SPDX-License-Identifier: Apache-2.0
// `next_items()`: the items that a model with a NextItem task expects next.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/kernels/cpu/gate.hpp"

namespace espalier {

struct RankedItem {
  std::string item;
  float score = 0;  ///< ⟨h, E_r⟩; the model's probability of item r is proportional to e^score
};

namespace next_items_detail {

/// The node that computes the loss of a task. Throws ConfigError if it has none.
[[nodiscard]] ESPALIER_COLD inline const Node& item_node(const PlanView& plan,
                                                         std::string_view task) {
  for (const TaskInfo& t : plan.tasks) {
    for (const Node& n : plan.nodes) {
      if (t.name == task && t.label == LabelKind::item && n.scores_rows &&
          n.out.base == t.logits.base)
        return n;
    }
  }
  throw_error<ConfigError>({"no task '", task, "' with the loss NextItem in the model"});
}

}  // namespace next_items_detail

/// The `most` items with the highest scores after a row of raw values, the highest first, ties by
/// their frequency in training; `without`: items to leave out, such as those already seen. Throws
/// ConfigError for a task that predicts no items, a name that is not an input, `most` < 1, and for
/// a predictor in bf16. O(items · width).
[[nodiscard]] ESPALIER_COLD inline std::vector<RankedItem> next_items(
    const PlanPredictor& predictor, std::string_view task, std::span<const NamedValue> row,
    Index most, std::span<const std::string> without = {}) {
  if (most < 1) throw_error<ConfigError>({"next_items: ", most, " items, expected 1 or more"});
  const Node& node = next_items_detail::item_node(predictor.plan(), task);
  const Parameters<float>& parameters = predictor.parameters();
  if (parameters.tables.empty())
    throw ConfigError("next_items: expected a predictor in Precision::Fp32");
  const Predictions p = predictor.predict(predictor.features().encode(row));
  const std::vector<float>& vector = p.of(task);
  const auto width = static_cast<Index>(vector.size());
  const auto at = static_cast<std::size_t>(node.table);
  const auto vocabulary = static_cast<std::size_t>(predictor.plan().tables[at].vocabulary);
  const std::vector<std::string>& names = predictor.features().state().vocabularies[vocabulary];
  // Scores first, names for those that are kept.
  std::vector<std::pair<float, std::size_t>> ranked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(without.begin(), without.end(), names[i]) != without.end()) continue;
    const float* const item = parameters.tables[at].data() + (static_cast<Index>(i) + 1) * width;
    ranked.emplace_back(cpu::dot(vector.data(), item, width), i);
  }
  const auto kept = (std::min)(ranked.size(), static_cast<std::size_t>(most));
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(kept),
                    ranked.end(), [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  std::vector<RankedItem> found;
  for (std::size_t i = 0; i < kept; ++i)
    found.push_back({names[ranked[i].second], ranked[i].first});
  return found;
}
[[nodiscard]] inline std::vector<RankedItem> next_items(const PlanPredictor& predictor,
                                                        std::string_view task,
                                                        std::initializer_list<NamedValue> row,
                                                        Index most,
                                                        std::span<const std::string> without = {}) {
  return next_items(predictor, task, std::span<const NamedValue>(row.begin(), row.size()), most,
                    without);
}

}  // namespace espalier
