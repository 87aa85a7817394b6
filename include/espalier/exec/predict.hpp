// SPDX-License-Identifier: Apache-2.0
// `predict()`, `report_of()`: predictions and metrics for a whole dataset, with the executor of a
// trainer.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/prefetch.hpp"
#include "espalier/exec/executor_interface.hpp"
#include "espalier/exec/item_ranks.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/metrics/evaluate.hpp"

namespace espalier {

namespace predict_detail {

/// The ranks of all labels that are items.
ESPALIER_COLD inline void add_ranks(ExecutorInterface& executor, const EncodedData& data,
                                    Predictions& p) {
  const PlanView& plan = executor.plan();
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const TaskInfo& task = plan.tasks[k];
    if (task.label != LabelKind::item) continue;
    p.ranks.resize(plan.tasks.size());
    const LabelInfo& label = plan.schema.labels[k];
    std::vector<IdColumn> without;
    std::size_t column = 0;
    for (const FieldInfo& f : plan.schema.fields) {
      if (f.is_numeric()) continue;
      const EncodedData::Ids& ids = data.ids[column++];
      if (label.new_items && f.pool == Pool::sequence && f.table == label.table)
        without.push_back({ids.ids.data(), ids.offsets.data()});
    }
    const Node* const node = item_node(plan, task);
    const auto table = static_cast<std::size_t>(node->table);
    const Parameters<float>& parameters = executor.parameters();
    p.ranks[k] =
        item_ranks({p.values[k].data(), task.outputs, data.size(), task.outputs}, data.label(k),
                   parameters.tables[table].data(), parameters.table_rows[table], without);
  }
}

/// `loss_sums`, `weight_sums`: see TrainExecutor::predict().
[[nodiscard]] ESPALIER_COLD inline Predictions predict(ExecutorInterface& executor,
                                                       const EncodedData& data,
                                                       std::span<double> loss_sums,
                                                       std::span<double> weight_sums) {
  const std::span<const TaskInfo> tasks = executor.plan().tasks;
  Predictions p(executor.plan(), data.size());
  std::vector<std::int32_t> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), 0);
  const Index batch = (std::min)(executor.capacity(), (std::max)(data.size(), Index{1}));
  BatchSlots slots{BatchBuffer<float>(data, batch), BatchBuffer<float>(data, batch)};
  Prefetcher ahead(data, order, batch, 0, slots);
  std::vector<float*> out(tasks.size());
  Index at = 0;
  while (const Batch<float>* next = ahead.next()) {
    for (std::size_t k = 0; k < tasks.size(); ++k)
      out[k] = p.values[k].data() + at * tasks[k].outputs;
    executor.predict(*next, out, loss_sums, weight_sums);
    at += next->size;
  }
  for (std::size_t k = 0; k < tasks.size(); ++k) to_label_unit(data.label_scale(k), p.values[k]);
  add_ranks(executor, data, p);
  return p;
}

}  // namespace predict_detail

/// Predictions for every sample, in the labels' units.
[[nodiscard]] inline Predictions predict(ExecutorInterface& executor, const EncodedData& data) {
  return predict_detail::predict(executor, data, {}, {});
}

/// Also computes mean losses over the labelled samples.
[[nodiscard]] inline Predictions predict_with_losses(ExecutorInterface& executor,
                                                     const EncodedData& data) {
  const std::size_t tasks = executor.plan().tasks.size();
  std::vector<double> loss_sums(tasks, 0.0), weight_sums(tasks, 0.0);
  Predictions p = predict_detail::predict(executor, data, loss_sums, weight_sums);
  for (std::size_t k = 0; k < tasks; ++k) {
    p.losses.push_back(weight_sums[k] > 0 ? loss_sums[k] / weight_sums[k] : std::nan(""));
  }
  return p;
}

/// Metrics of every task, in the label's unit. Weights and groups come from `options`, else from
/// the data; `grouping` decides whether groups are used.
[[nodiscard]] ESPALIER_COLD inline Report report_of(const PlanView& plan, const EncodedData& data,
                                                    const Predictions& predictions,
                                                    EvaluateOptions options = {},
                                                    Grouping grouping = true,
                                                    Evaluate evaluate = &espalier::evaluate<>) {
  Report made;
  if (options.weights.empty() && !data.weights.empty()) options.weights = data.weights;
  if (options.groups.view.empty() && !data.groups.empty()) options.groups = grouping(data.groups);
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const LabelInfo& label = plan.schema.labels[k];
    const LabelScale scale = data.label_scale(k);
    if (label.kind == LabelKind::item) {
      if (k >= predictions.ranks.size())
        throw_error<ConfigError>({"task '", label.name, "': no ranks of its items are known here"});
      made.tasks.push_back(evaluate(label, predictions.ranks[k], data.label(k), options));
      continue;
    }
    if (!scale.changes()) {
      made.tasks.push_back(evaluate(label, predictions.values[k], data.label(k), options));
      continue;
    }
    std::vector<double> labels;
    for (const float y : data.label(k)) labels.push_back(scale.to_label(static_cast<double>(y)));
    made.tasks.push_back(evaluate(label, predictions.values[k], labels, options));
  }
  return made;
}

}  // namespace espalier
