// SPDX-License-Identifier: Apache-2.0
// The default metrics of a task by the kind of its label: predictions of a whole split in, a
// `TaskReport` out.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
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

struct EvaluateOptions;

namespace metrics_detail {

using Metrics = std::vector<MetricValue>;
using Compute = Metrics (*)(const Samples&, const EvaluateOptions&, Index classes);

inline void add_group_metrics(Metrics&, const Samples&, const EvaluateOptions&, bool by_rank);
inline void add_intervals(TaskReport&, const Samples&, const EvaluateOptions&, Compute,
                          Index classes);

}  // namespace metrics_detail

/// The groups of an evaluation. Naming them brings in the metrics by group: a program that has none
/// does not contain their code.
class EvaluateGroups {
 public:
  EvaluateGroups() = default;
  template <class Range>
  requires(!std::is_same_v<Range, EvaluateGroups> && std::is_convertible_v<const Range&, Groups>)
      // NOLINTNEXTLINE(google-explicit-constructor): groups are spelled as what they are.
      EvaluateGroups(const Range& groups) : view(groups), add(&metrics_detail::add_group_metrics) {}

  Groups view{};
  decltype(&metrics_detail::add_group_metrics) add = nullptr;
};

/// Whether there are groups, where that is known before they are; see EvaluateGroups.
class Grouping {
 public:
  constexpr Grouping() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for whether there are groups.
  constexpr Grouping(bool grouped) : make_(grouped ? &make : nullptr) {}

  constexpr explicit operator bool() const { return make_ != nullptr; }
  [[nodiscard]] EvaluateGroups operator()(Groups groups) const {
    return make_ == nullptr ? EvaluateGroups() : make_(groups);
  }

 private:
  static EvaluateGroups make(Groups groups) { return groups; }

  EvaluateGroups (*make_)(Groups) = nullptr;
};

/// How many bootstrap resamples. Naming any brings in the bootstrap.
class Resamples {
 public:
  Resamples() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a number is spelled as one.
  Resamples(Index resamples) : count(resamples), add(&metrics_detail::add_intervals) {}

  Index count = 0;
  decltype(&metrics_detail::add_intervals) add = nullptr;
};

struct EvaluateOptions {
  Values weights{};  ///< one per sample, or none
  EvaluateGroups groups{};   ///< one per sample, or none: adds gauc, and intervals resample whole groups
  bool detailed = false;     ///< adds precision, recall, f1; with groups `ndcg@k`, `recall@k` too
  double threshold = 0.5;    ///< of accuracy, precision, recall and f1
  Index bins = 10;           ///< of ece
  Index k = 10;              ///< of `ndcg@k` and `recall@k`
  Resamples resamples{};     ///< bootstrap resamples for confidence intervals; 0 for none
  double confidence = 0.95;  ///< of the intervals
  std::uint64_t seed = 1;    ///< of the bootstrap
};

namespace metrics_detail {

ESPALIER_COLD inline Metrics binary_metrics(const Samples& s, const EvaluateOptions& o, Index) {
  const auto ranked =
      rank_binary("auc", s.predictions, s.labels, s.weights);  // one sort serves both areas
  const Confusion counts = confusion(s.predictions, s.labels, s.weights, o.threshold);
  Metrics metrics{{"auc", roc_auc_of(ranked, s.labels, s.weights)},
                  {"pr_auc", pr_auc_of(ranked, s.labels, s.weights)},
                  {"log_loss", log_loss(s.predictions, s.labels, s.weights)},
                  {"accuracy", counts.accuracy()},
                  {"ece", expected_calibration_error(s.predictions, s.labels, s.weights, o.bins)},
                  {"ratio", predicted_over_observed(s.predictions, s.labels, s.weights)}};
  const bool grouped = !s.groups.empty();
  if (grouped) o.groups.add(metrics, s, o, false);
  if (!o.detailed) return metrics;
  metrics.push_back({"precision", counts.precision()});
  metrics.push_back({"recall", counts.recall()});
  metrics.push_back({"f1", counts.f1()});
  if (grouped) o.groups.add(metrics, s, o, true);
  return metrics;
}

/// gauc, or `by_rank`: `ndcg@k`, `recall@k`.
inline void add_group_metrics(Metrics& metrics, const Samples& s, const EvaluateOptions& o,
                              bool by_rank) {
  if (!by_rank) {
    metrics.push_back({"gauc", grouped_auc(s.predictions, s.labels, s.groups, s.weights).value});
    return;
  }
  const std::string k = std::to_string(o.k);
  metrics.push_back({"ndcg@" + k, ndcg_at_k(s.predictions, s.labels, s.groups, o.k).value});
  metrics.push_back({"recall@" + k, recall_at_k(s.predictions, s.labels, s.groups, o.k).value});
}

ESPALIER_COLD inline Metrics real_metrics(const Samples& s, const EvaluateOptions&, Index) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"r2", r2(s.predictions, s.labels, s.weights)}};
}

inline Metrics count_metrics(const Samples& s, const EvaluateOptions&, Index) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"poisson_deviance", poisson_deviance(s.predictions, s.labels, s.weights)}};
}

inline Metrics class_metrics(const Samples& s, const EvaluateOptions&, Index classes) {
  return {{"log_loss", class_log_loss(s.predictions, s.labels, classes, s.weights)},
          {"accuracy", class_accuracy(s.predictions, s.labels, classes, s.weights)}};
}

/// Every metric of a resample is of the same draw.
inline void add_intervals(TaskReport& report, const Samples& samples, const EvaluateOptions& options,
                          Compute compute, Index classes) {
  const Index resamples = options.resamples.count;
  Resampler resampler(samples,
                      {resamples, options.confidence, options.seed, !samples.groups.empty()});
  std::vector<std::vector<double>> drawn(report.metrics.size());
  for (Index r = 0; r < resamples; ++r) {
    const Metrics metrics = compute(resampler.draw(r), options, classes);
    for (std::size_t m = 0; m < metrics.size(); ++m)
      if (!std::isnan(metrics[m].value)) drawn[m].push_back(metrics[m].value);
  }
  for (std::size_t m = 0; m < drawn.size(); ++m)
    report.metrics[m].interval = percentile_interval(std::move(drawn[m]), options.confidence);
}

/// The metrics of all samples, and, when asked, of resamples.
ESPALIER_COLD inline TaskReport evaluate_with(std::string task, Values predictions, Values labels,
                                              const EvaluateOptions& options, Compute compute,
                                              Index classes = 0) {
  const Samples samples{predictions, labels, options.weights, options.groups.view};
  if (!samples.groups.empty())
    require_size("evaluate", "groups", samples.groups.size(), samples.labels.size());
  TaskReport report{std::move(task), compute(samples, options, classes), 0,
                    label_mean(samples.labels, samples.weights)};
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    if (!std::isnan(samples.labels[i])) ++report.labelled;
  if (options.resamples.count != 0) options.resamples.add(report, samples, options, compute, classes);
  return report;
}

}  // namespace metrics_detail

/// auc, pr_auc, log_loss, accuracy, ece, ratio; with groups gauc; detailed: precision, recall, f1,
/// `ndcg@k`, `recall@k`. `probabilities`: n, in [0, 1]; `labels`: n, each 0, 1 or NaN (missing).
/// What is undefined is NaN; throws ConfigError when sizes or values are not as said.
[[nodiscard]] inline TaskReport evaluate_binary(std::string task, Values probabilities,
                                                Values labels,
                                                const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), probabilities, labels, options,
                                       &metrics_detail::binary_metrics);
}

/// rmse, mae, r2. `predictions`: n, finite; `labels`: n, finite or NaN (missing). Errors as
/// evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_real(std::string task, Values predictions, Values labels,
                                              const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), predictions, labels, options,
                                       &metrics_detail::real_metrics);
}

/// rmse, mae, poisson_deviance. `predictions`: n expected counts, ≥ 0; `labels`: n, ≥ 0 or NaN.
/// Errors as evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_count(std::string task, Values predictions, Values labels,
                                               const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), predictions, labels, options,
                                       &metrics_detail::count_metrics);
}

/// log_loss, accuracy. `probabilities`: classes × n, a sample's values next to each other, each
/// sample's sum 1; `labels`: n, each 0, 1, …, classes − 1 or NaN (missing). Errors as
/// evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_classes(std::string task, Values probabilities,
                                                 Values labels, Index classes,
                                                 const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), probabilities, labels, options,
                                       &metrics_detail::class_metrics, classes);
}

/// The one of the four that fits the kind of the label. `kinds`: those that can come, all unless given; the others are not
/// compiled.
template <LabelKind... kinds>
[[nodiscard]] TaskReport evaluate(const LabelInfo& label, Values predictions, Values labels,
                                  const EvaluateOptions& options = {}) {
  constexpr auto can_be = [](LabelKind kind) { return sizeof...(kinds) == 0 || ((kinds == kind) || ...); };
  std::string task(label.name);
  if constexpr (can_be(LabelKind::binary))
    if (label.kind == LabelKind::binary)
      return evaluate_binary(std::move(task), predictions, labels, options);
  if constexpr (can_be(LabelKind::real))
    if (label.kind == LabelKind::real)
      return evaluate_real(std::move(task), predictions, labels, options);
  if constexpr (can_be(LabelKind::count))
    if (label.kind == LabelKind::count)
      return evaluate_count(std::move(task), predictions, labels, options);
  if constexpr (can_be(LabelKind::classes))
    if (label.kind == LabelKind::classes)
      return evaluate_classes(std::move(task), predictions, labels, label.classes, options);
  throw ConfigError("task '" + task + "': its kind of label is not among those evaluated");
}

/// evaluate(), or it for some kinds of labels.
using Evaluate = TaskReport (*)(const LabelInfo&, Values predictions, Values labels,
                                const EvaluateOptions&);

}  // namespace espalier
