// SPDX-License-Identifier: Apache-2.0
// The default metrics of a task by the kind of its label: predictions of a whole split in, a
// `TaskReport` out.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/bootstrap.hpp"
#include "espalier/metrics/calibration.hpp"
#include "espalier/metrics/confusion.hpp"
#include "espalier/metrics/grouped.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/regression.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

struct EvaluateOptions {
  Values weights{};  ///< one per sample, or none
  Groups groups{};   ///< one per sample, or none: adds gauc, and intervals resample whole groups
  bool detailed = false;     ///< adds precision, recall, f1; with groups `ndcg@k`, `recall@k` too
  double threshold = 0.5;    ///< of accuracy, precision, recall and f1
  Index bins = 10;           ///< of ece
  Index k = 10;              ///< of `ndcg@k` and `recall@k`
  Index resamples = 0;       ///< bootstrap resamples for confidence intervals; 0 for none
  double confidence = 0.95;  ///< of the intervals
  std::uint64_t seed = 1;    ///< of the bootstrap
};

namespace metrics_detail {

using Metrics = std::vector<MetricValue>;

inline Metrics binary_metrics(const Samples& s, const EvaluateOptions& o) {
  const auto ranked =
      rank_binary("auc", s.predictions, s.labels, s.weights);  // one sort serves both areas
  const Confusion counts = confusion(s.predictions, s.labels, s.weights, o.threshold);
  Metrics metrics{{"auc", roc_auc_of(ranked, s.labels, s.weights)},
                  {"pr_auc", pr_auc_of(ranked, s.labels, s.weights)},
                  {"log_loss", log_loss(s.predictions, s.labels, s.weights)},
                  {"accuracy", counts.accuracy()},
                  {"ece", expected_calibration_error(s.predictions, s.labels, s.weights, o.bins)},
                  {"ratio", predicted_over_observed(s.predictions, s.labels, s.weights)}};
  if (!s.groups.empty())
    metrics.push_back({"gauc", grouped_auc(s.predictions, s.labels, s.groups, s.weights).value});
  if (!o.detailed) return metrics;
  metrics.push_back({"precision", counts.precision()});
  metrics.push_back({"recall", counts.recall()});
  metrics.push_back({"f1", counts.f1()});
  if (s.groups.empty()) return metrics;
  const std::string k = std::to_string(o.k);
  metrics.push_back({"ndcg@" + k, ndcg_at_k(s.predictions, s.labels, s.groups, o.k).value});
  metrics.push_back({"recall@" + k, recall_at_k(s.predictions, s.labels, s.groups, o.k).value});
  return metrics;
}

inline Metrics real_metrics(const Samples& s) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"r2", r2(s.predictions, s.labels, s.weights)}};
}

inline Metrics count_metrics(const Samples& s) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"poisson_deviance", poisson_deviance(s.predictions, s.labels, s.weights)}};
}

inline Metrics class_metrics(const Samples& s, Index classes) {
  return {{"log_loss", class_log_loss(s.predictions, s.labels, classes, s.weights)},
          {"accuracy", class_accuracy(s.predictions, s.labels, classes, s.weights)}};
}

/// The metrics of all samples, and, when asked, of resamples: every metric of a resample is of the
/// same draw.
template <class Compute>
TaskReport evaluate_with(std::string task, const Samples& samples, const EvaluateOptions& options,
                         Compute compute) {
  if (!samples.groups.empty())
    require_size("evaluate", "groups", samples.groups.size(), samples.labels.size());
  TaskReport report{std::move(task), compute(samples), 0,
                    label_mean(samples.labels, samples.weights)};
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    if (!std::isnan(samples.labels[i])) ++report.labelled;
  if (options.resamples == 0) return report;
  Resampler resampler(
      samples, {options.resamples, options.confidence, options.seed, !samples.groups.empty()});
  std::vector<std::vector<double>> drawn(report.metrics.size());
  for (Index r = 0; r < options.resamples; ++r) {
    const Metrics metrics = compute(resampler.draw(r));
    for (std::size_t m = 0; m < metrics.size(); ++m)
      if (!std::isnan(metrics[m].value)) drawn[m].push_back(metrics[m].value);
  }
  for (std::size_t m = 0; m < drawn.size(); ++m)
    report.metrics[m].interval = percentile_interval(std::move(drawn[m]), options.confidence);
  return report;
}

}  // namespace metrics_detail

/// auc, pr_auc, log_loss, accuracy, ece, ratio; with groups gauc; detailed: precision, recall, f1,
/// `ndcg@k`, `recall@k`. `probabilities`: n, in [0, 1]; `labels`: n, each 0, 1 or NaN (missing).
/// What is undefined is NaN; throws ConfigError when sizes or values are not as said.
[[nodiscard]] inline TaskReport evaluate_binary(std::string task, Values probabilities,
                                                Values labels,
                                                const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(
      std::move(task), {probabilities, labels, options.weights, options.groups}, options,
      [&](const Samples& s) { return metrics_detail::binary_metrics(s, options); });
}

/// rmse, mae, r2. `predictions`: n, finite; `labels`: n, finite or NaN (missing). Errors as
/// evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_real(std::string task, Values predictions, Values labels,
                                              const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task),
                                       {predictions, labels, options.weights, options.groups},
                                       options, metrics_detail::real_metrics);
}

/// rmse, mae, poisson_deviance. `predictions`: n expected counts, ≥ 0; `labels`: n, ≥ 0 or NaN.
/// Errors as evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_count(std::string task, Values predictions, Values labels,
                                               const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task),
                                       {predictions, labels, options.weights, options.groups},
                                       options, metrics_detail::count_metrics);
}

/// log_loss, accuracy. `probabilities`: classes × n, a sample's values next to each other, each
/// sample's sum 1; `labels`: n, each 0, 1, …, classes − 1 or NaN (missing). Errors as
/// evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_classes(std::string task, Values probabilities,
                                                 Values labels, Index classes,
                                                 const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(
      std::move(task), {probabilities, labels, options.weights, options.groups}, options,
      [&](const Samples& s) { return metrics_detail::class_metrics(s, classes); });
}

/// The one of the four that fits the kind of the label.
[[nodiscard]] inline TaskReport evaluate(const LabelInfo& label, Values predictions, Values labels,
                                         const EvaluateOptions& options = {}) {
  std::string task(label.name);
  switch (label.kind) {
    case LabelKind::binary:
      return evaluate_binary(std::move(task), predictions, labels, options);
    case LabelKind::real:
      return evaluate_real(std::move(task), predictions, labels, options);
    case LabelKind::count:
      return evaluate_count(std::move(task), predictions, labels, options);
    case LabelKind::classes:
      break;
  }
  return evaluate_classes(std::move(task), predictions, labels, label.classes, options);
}

}  // namespace espalier
