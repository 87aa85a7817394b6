// SPDX-License-Identifier: Apache-2.0
// Definitions of next_items.hpp.
#pragma once

#include "espalier/deploy/next_items.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/kernels/cpu/gate.hpp"

namespace espalier {

namespace next_items_detail {

/// Where a task's vector is among the outputs of all tasks, and the table that it is compared with.
struct Place {
  std::size_t begin = 0, width = 0, table = 0;
};

[[nodiscard]] ESPALIER_COLD inline Place place_of(const PlanPredictor& predictor,
                                                  std::string_view task, Index most) {
  if (most < 1) throw_error<ConfigError>({"next_items: ", most, " items, expected 1 or more"});
  Place place;
  for (const TaskInfo& t : predictor.plan().tasks) {
    place.width = static_cast<std::size_t>(t.outputs);
    if (const Node* node = item_node(predictor.plan(), t); node != nullptr && t.name == task) {
      if (predictor.parameters().tables.empty())
        throw ConfigError("next_items: expected a predictor in Precision::Fp32");
      place.table = static_cast<std::size_t>(node->table);
      return place;
    }
    place.begin += place.width;
  }
  throw_error<ConfigError>({"no task '", task, "' with the loss NextItem in the model"});
}

/// `outputs`: of all tasks.
[[nodiscard]] ESPALIER_COLD inline std::vector<RankedItem> rank(
    const PlanPredictor& predictor, const Place& place, const std::vector<float>& outputs,
    Index most, std::span<const std::string> without) {
  const FeaturesState& learnt = predictor.features().state();
  const TableInfo& table = predictor.plan().tables[place.table];
  const std::vector<std::string>& names =
      learnt.vocabularies[static_cast<std::size_t>(table.vocabulary)];
  const float* const items = predictor.parameters().tables[place.table].data() + place.width;
  std::unordered_set<std::string> left_out;
  std::string made;
  for (const std::string& item : without)
    left_out.emplace(learnt.keyed ? category_key(item, made) : std::string_view(item));
  std::vector<std::pair<float, std::size_t>> ranked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!left_out.empty() && left_out.contains(names[i])) continue;
    ranked.emplace_back(cpu::dot(outputs.data() + place.begin, items + i * place.width,
                                 static_cast<Index>(place.width)),
                        i);
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

}  // namespace next_items_detail

ESPALIER_COLD ESPALIER_INLINE std::vector<RankedItem> next_items(
    const PlanPredictor& predictor, std::string_view task, std::span<const NamedValue> row,
    Index most, std::span<const std::string> without) {
  const auto place = next_items_detail::place_of(predictor, task, most);
  return next_items_detail::rank(predictor, place, predictor.predict_row(row), most, without);
}

ESPALIER_COLD ESPALIER_INLINE std::vector<RankedItem> next_items(
    const PlanPredictor& predictor, std::string_view task, std::span<const NamedValue> row,
    const ServingState& state, Index most, std::span<const std::string> without) {
  const auto place = next_items_detail::place_of(predictor, task, most);
  return next_items_detail::rank(predictor, place, predictor.predict_row(row, state), most,
                                 without);
}

}  // namespace espalier
