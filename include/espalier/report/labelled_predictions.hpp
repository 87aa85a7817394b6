// SPDX-License-Identifier: Apache-2.0
// `LabelledPredictions`: the predictions and labels of one task, for charts of both.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/metrics/values.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Predictions and labels of a binary task or a class task. Refers to the values, which must
/// outlive it; owns the names.
struct LabelledPredictions {
  std::string task;
  Values predictions{};  ///< n probabilities of label 1; for class tasks, classes × n
  Values labels{};       ///< n: 0, 1, …, or NaN (missing)
  Values weights{};      ///< n or none
  Index classes = 0;     ///< 0 for a binary task
  std::vector<std::string> class_names{};  ///< empty: the class numbers are used
};

/// Returns the tasks of these kinds, one kind after the other. The result refers to `predictions`
/// and `data`, which must outlive it.
[[nodiscard]] ESPALIER_COLD inline std::vector<LabelledPredictions> labelled(
    const PlanView& plan, const EncodedData& data, const Predictions& predictions,
    std::initializer_list<LabelKind> kinds) {
  std::vector<LabelledPredictions> made;
  for (const LabelKind kind : kinds) {
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      const LabelInfo& label = plan.schema.labels[k];
      if (label.kind != kind) continue;
      made.push_back({std::string(label.name), predictions.values[k], data.label(k), data.weights,
                      kind == LabelKind::classes ? Index{label.classes} : 0,
                      k < predictions.class_names.size() ? predictions.class_names[k]
                                                         : std::vector<std::string>()});
    }
  }
  return made;
}

/// A trainer or a predictor: encodes a dataset with its features, and predicts from encoded data.
template <class Model>
concept PredictsEncoded = requires(Model& model, const Dataset& data, const EncodedData& encoded) {
  { model.features().encode(data) } -> std::same_as<EncodedData>;
  { model.predict(encoded) } -> std::same_as<Predictions>;
  { model.plan() } -> std::convertible_to<const PlanView&>;
};

}  // namespace espalier
