// SPDX-License-Identifier: Apache-2.0
// Checks of the labels before training, and the note about a task that dominates the loss during
// training.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/labels.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace espalier {

/// Throws DataError if the training split lacks the label column of a task.
ESPALIER_COLD inline void require_label_columns(const Schema& schema, const Dataset& train) {
  for (const LabelInfo& label : schema.labels) {
    try {
      static_cast<void>(train.table().column(label.column));
    } catch (const DataError& error) {
      throw_error<DataError>(
          {error.what(), ". It is the label of task '", label.name,
           "': derive it with Table::derive, of a file in the third argument of read_csv<Model>"});
    }
  }
}

/// Throws DataError if the split has no rows, with the reason.
ESPALIER_COLD inline void require_rows(std::string_view split, const Dataset& data,
                                       std::string_view expected) {
  if (data.size() > 0) return;
  std::string from;
  if (data.has_table()) {
    const Table& table = data.table();
    from = table.rows() == 0
               ? message({": ", table.source, " has no rows"})
               : message({": it has none of the ", table.rows(), " rows of ", table.source});
  }
  throw_error<DataError>({"the ", split, " split is empty", from, expected});
}

/// Throws DataError if the loss of a label at a logit of 0 is not finite in float. Checks, for each
/// task with one output, the label of largest magnitude.
ESPALIER_COLD inline void require_finite_losses(const Program<float, Cpu>& program,
                                                const Dataset& data, const EncodedData& encoded) {
  for (std::size_t k = 0; k < program.plan.tasks.size(); ++k) {
    const LabelInfo& label = program.plan.schema.labels[k];
    if (program.plan.tasks[k].outputs != 1) continue;
    const std::span<const float> labels = encoded.label(k);
    std::size_t worst = 0;
    for (std::size_t j = 0; j < labels.size(); ++j) {
      if (!(std::abs(labels[worst]) >= std::abs(labels[j])) && !std::isnan(labels[j])) worst = j;
    }
    if (labels.empty() || std::isnan(labels[worst])) continue;
    std::array<float, 1> logit{0}, gradient{};
    const LabelScale scale = encoded.label_scale(k);
    const double loss =
        program.losses[k].evaluate({logit.data(), 1, 1, 1}, &labels[worst], nullptr, 1.0F,
                                   {gradient.data(), 1, 1, 1}, static_cast<float>(scale.deviation));
    if (std::isfinite(loss)) continue;
    throw_error<DataError>({data.table().where(data.rows()[worst]), ": label '", label.column,
                            "' of task '", label.name, "' is ",
                            decimal(scale.to_label(static_cast<double>(labels[worst])), 6),
                            ": its loss is infinite in float; expected labels of a moderate size"});
  }
}

/// One line for each task that cannot learn from its training labels: there are none, or all have
/// the same value.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> label_notes(
    const PlanView& plan, const EncodedData& train, const std::vector<LabelState>& states) {
  std::vector<std::string> notes;
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const LabelInfo& label = plan.schema.labels[k];
    const std::string task = "task '" + std::string(label.name) + "' ";
    const std::span<const float> labels = train.label(k);
    std::optional<float> first;
    bool differ = false;
    for (std::size_t j = 0; j < labels.size() && !differ; ++j) {
      if (std::isnan(labels[j]) || (!train.weights.empty() && !(train.weights[j] > 0))) continue;
      differ = first.has_value() && *first != labels[j];
      if (!first) first = labels[j];
    }
    if (differ) continue;
    if (!first) {
      notes.push_back(task + "has no labels in the training split: it will not learn");
      continue;
    }
    std::string value = decimal(train.label_scale(k).to_label(static_cast<double>(*first)), 6);
    if (label.kind == LabelKind::item) value = "item " + value;
    if (label.kind == LabelKind::classes && !states[k].classes.empty()) {
      value = "'" + states[k].classes[static_cast<std::size_t>(*first)] + "'";
    }
    std::string note = task + "has one label only in the training split, " + value +
                       ": there is nothing to tell apart";
    if (!states[k].texts.empty()) {
      const std::vector<std::string> texts(label.texts.begin(), label.texts.end());
      note += "; its column holds " + features_detail::quoted(states[k].texts) + ", ones are " +
              features_detail::quoted(texts);
    }
    notes.push_back(note);
  }
  return notes;
}

/// A line about the task that contributes more than 95 % of the weighted loss, if there is one.
[[nodiscard]] ESPALIER_COLD inline std::optional<std::string> dominance_note(
    const PlanView& plan, std::span<const double> losses, std::span<const double> weights) {
  constexpr double nearly_all = 0.95;
  double sum = 0;
  std::size_t largest = 0, learnt = 0;
  std::vector<double> parts(losses.size());
  for (std::size_t k = 0; k < losses.size(); ++k) {
    parts[k] = std::isnan(losses[k]) ? 0 : weights[k] * losses[k];
    if (parts[k] < 0) return std::nullopt;  // a likelihood can be negative: no shares of the sum
    sum += parts[k];
    learnt += parts[k] > 0 ? 1U : 0U;
    if (parts[k] > parts[largest]) largest = k;
  }
  if (learnt < 2 || !(parts[largest] > nearly_all * sum)) return std::nullopt;
  const LabelInfo& label = plan.schema.labels[largest];
  const bool as_is = label.kind == LabelKind::real && !label.standardize;
  return "task '" + std::string(label.name) + "' makes up " +
         decimal(100 * parts[largest] / sum, 3) +
         " % of the weighted loss: the other tasks learn little beside it. " +
         (as_is ? "Standardise its labels (Label<\"" + std::string(label.column) +
                      "\", Standardize>), lower its Weight"
                : "Lower its Weight") +
         ", or choose a way to balance (TrainerOptions::balance)";
}

/// A note for each sequence input of given cells that has at most one value in every row: they
/// probably have another separator.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> sequence_notes(
    const PlanView& plan, const EncodedData& data) {
  std::vector<std::string> notes;
  std::size_t column = 0;
  for (const FieldInfo& f : plan.schema.fields) {
    if (f.is_numeric()) continue;
    const std::vector<std::int32_t>& offsets = data.ids[column++].offsets;
    if (f.pool != Pool::sequence || f.history.exists() || f.most_values == 1 || offsets.back() == 0)
      continue;
    bool several = false;
    for (std::size_t j = 0; j + 1 < offsets.size(); ++j)
      several = several || offsets[j + 1] - offsets[j] > 1;
    if (!several)
      notes.push_back(message({"sequence '", f.name,
                               "': no row has more than one value; are they "
                               "separated by '",
                               std::string(1, f.separator), "'?"}));
  }
  return notes;
}

}  // namespace espalier
