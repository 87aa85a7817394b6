// SPDX-License-Identifier: Apache-2.0
// `start_heads()`: starts heads at constants that minimise their losses on the training split.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace espalier {

namespace start_detail {

/// Labels of one task and their weights; binary and class labels are aggregated by value.
struct Sample {
  std::vector<float> labels, weights;
  double labelled = 0;
};

[[nodiscard]] ESPALIER_COLD inline Sample sample_of(const LabelInfo& label,
                                                    std::span<const float> labels,
                                                    std::span<const float> weights) {
  Sample made;
  const bool few = label.kind == LabelKind::binary || label.kind == LabelKind::classes;
  std::vector<double> sums(few ? static_cast<std::size_t>((std::max)(label.classes, 2)) : 0);
  for (std::size_t j = 0; j < labels.size(); ++j) {
    const float weight = weights.empty() ? 1.0F : weights[j];
    if (std::isnan(labels[j]) || !(weight > 0)) continue;
    ++made.labelled;
    if (few) {
      sums[static_cast<std::size_t>(labels[j])] += static_cast<double>(weight);
    } else {
      made.labels.push_back(labels[j]);
      made.weights.push_back(weight);
    }
  }
  double all = 0;
  for (const double sum : sums) all += sum;
  for (std::size_t c = 0; c < sums.size() && all > 0; ++c) {
    made.labels.push_back(static_cast<float>(c));
    made.weights.push_back(static_cast<float>(sums[c] / all));
  }
  return made;
}

/// Returns the z that minimises Σ w · loss(z, y), by bisection of the derivative. If the best z is
/// infinite (labels that are all 0 or all 1), returns about the z for one additional label of the
/// other value.
[[nodiscard]] ESPALIER_COLD inline double best_constant(const LossFunctions<float, Cpu>& loss,
                                                        LabelKind kind, const Sample& sample,
                                                        float unit) {
  std::vector<float> logits(sample.labels.size()), gradient(sample.labels.size());
  const auto rows = static_cast<Index>(logits.size());
  const auto slope = [&](double z) {
    std::fill(logits.begin(), logits.end(), static_cast<float>(z));
    static_cast<void>(loss.evaluate({logits.data(), 1, rows, 1}, sample.labels.data(),
                                    sample.weights.data(), 1.0F, {gradient.data(), 1, rows, 1},
                                    unit));
    double sum = 0;
    for (const float g : gradient) sum += static_cast<double>(g);
    return sum;
  };
  double largest = 0, smallest = 1;  // of |y|
  for (const float y : sample.labels) {
    const double size = static_cast<double>(std::abs(y));
    largest = (std::max)(largest, size);
    if (size > 0) smallest = (std::min)(smallest, size);
  }
  double high = kind == LabelKind::real
                    ? largest + 100
                    : std::log1p(sample.labelled) + std::log1p(largest) - std::log(smallest);
  double low = -high;
  while (high - low > 1e-6 * (std::max)(1.0, std::abs(low))) {
    const double middle = low + (high - low) / 2;
    (slope(middle) > 0 ? high : low) = middle;
  }
  return low + (high - low) / 2;
}

/// Weight of each class in the loss, relative to the largest: the negative gradient of the class's
/// logit if all logits are equal.
[[nodiscard]] ESPALIER_COLD inline std::vector<double> class_weights(
    const LossFunctions<float, Cpu>& loss, int classes) {
  const std::vector<float> logits(static_cast<std::size_t>(classes));
  std::vector<float> gradient(logits.size());
  std::vector<double> weights;
  double most = 0;
  for (int c = 0; c < classes; ++c) {
    const float label = static_cast<float>(c);
    static_cast<void>(loss.evaluate({logits.data(), classes, 1, classes}, &label, nullptr, 1.0F,
                                    {gradient.data(), classes, 1, classes}, 1.0F));
    weights.push_back(-static_cast<double>(gradient[static_cast<std::size_t>(c)]));
    most = (std::max)(most, weights.back());
  }
  for (double& weight : weights) weight = weight > 0 ? weight / most : 1;
  return weights;
}

}  // namespace start_detail

/// Sets biases so that each task's logit, without the contribution of the layers below, is the
/// constant that minimises its loss on `data`: rates, means or medians of labels, with sample
/// weights and the loss's own weights. Operations between heads and logits pass the constant on: in
/// a funnel, the head of a step starts at the rate among samples with the previous event. Classes
/// start at the logarithm of their frequency times their weight in the loss. Losses with several
/// outputs for other labels, heads that tasks share (MetaHeac's critics) and tasks without labels
/// start at 0.
ESPALIER_COLD inline void start_heads(const Program<float, Cpu>& program, const EncodedData& data,
                                      std::span<float> parameters) {
  const PlanView& plan = program.plan;
  StartValues<float> values(plan.sizes.values, parameters.data());
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const LabelInfo& label = plan.schema.labels[k];
    const TaskInfo& task = plan.tasks[k];
    const auto sample = start_detail::sample_of(label, data.label(k), data.weights);
    if (sample.labels.empty()) continue;
    if (task.outputs == 1) {
      values.want(task.logits, 0,
                  start_detail::best_constant(program.losses[k], label.kind, sample,
                                              static_cast<float>(data.label_scale(k).deviation)));
    } else if (label.kind == LabelKind::classes) {
      const std::vector<double> pulls =
          start_detail::class_weights(program.losses[k], task.outputs);
      for (int c = 0; c < task.outputs; ++c) {  // an absent class counts as half a label
        const double share = static_cast<double>(sample.weights[static_cast<std::size_t>(c)]);
        values.want(task.logits, c,
                    std::log((std::max)(share, 0.5 / sample.labelled) *
                             pulls[static_cast<std::size_t>(c)]));
      }
    }
  }
  for (std::size_t i = plan.nodes.size(); i-- > 0;) {
    if (program.operations[i].start != nullptr) program.operations[i].start(plan.nodes[i], values);
  }
}

}  // namespace espalier
