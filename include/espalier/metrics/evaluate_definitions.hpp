// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions that evaluate.hpp declares.
#pragma once

#include "espalier/metrics/evaluate.hpp"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/bootstrap.hpp"
#include "espalier/metrics/calibration.hpp"
#include "espalier/metrics/confusion.hpp"
#include "espalier/metrics/grouped.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/ranks.hpp"
#include "espalier/metrics/regression.hpp"

namespace espalier::metrics_detail {

ESPALIER_COLD ESPALIER_INLINE Metrics binary_metrics(const Samples& s, const EvaluateOptions& o,
                                                     Index) {
  const auto ranked =
      rank_binary("auc", s.predictions, s.labels, s.weights);  // one sort serves both AUCs
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

ESPALIER_INLINE void add_group_metrics(Metrics& metrics, const Samples& s, const EvaluateOptions& o,
                                       bool by_rank) {
  if (!by_rank) {
    metrics.push_back({"gauc", grouped_auc(s.predictions, s.labels, s.groups, s.weights).value});
    return;
  }
  const std::string k = std::to_string(o.k);
  metrics.push_back(
      {"ndcg@" + k,
       ndcg_at_k(s.predictions, s.labels, s.groups, o.k, Gain::linear, s.weights).value});
  metrics.push_back(
      {"recall@" + k, recall_at_k(s.predictions, s.labels, s.groups, o.k, s.weights).value});
}

ESPALIER_COLD ESPALIER_INLINE Metrics real_metrics(const Samples& s, const EvaluateOptions&,
                                                   Index) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"r2", r2(s.predictions, s.labels, s.weights)}};
}

ESPALIER_INLINE Metrics count_metrics(const Samples& s, const EvaluateOptions&, Index) {
  return {{"rmse", rmse(s.predictions, s.labels, s.weights)},
          {"mae", mae(s.predictions, s.labels, s.weights)},
          {"poisson_deviance", poisson_deviance(s.predictions, s.labels, s.weights)}};
}

ESPALIER_INLINE Metrics class_metrics(const Samples& s, const EvaluateOptions&, Index classes) {
  return {{"log_loss", class_log_loss(s.predictions, s.labels, classes, s.weights)},
          {"accuracy", class_accuracy(s.predictions, s.labels, classes, s.weights)}};
}

ESPALIER_INLINE Metrics item_metrics(const Samples& s, const EvaluateOptions& o, Index) {
  const std::string k = std::to_string(o.k);
  return {{"ndcg@" + k, ndcg_of_ranks(s.predictions, s.labels, o.k, s.weights)},
          {"recall@" + k, recall_of_ranks(s.predictions, s.labels, o.k, s.weights)},
          {"mrr", mean_reciprocal_rank(s.predictions, s.labels, s.weights)}};
}

ESPALIER_INLINE void add_intervals(TaskReport& report, const Samples& samples,
                                   const EvaluateOptions& options, Compute compute, Index classes) {
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

ESPALIER_COLD ESPALIER_INLINE TaskReport evaluate_with(std::string task, Values predictions,
                                                       Values labels,
                                                       const EvaluateOptions& options,
                                                       Compute compute, Index classes) {
  const Samples samples{predictions, labels, options.weights, options.groups.view};
  if (!samples.groups.empty())
    require_size("evaluate", "groups", samples.groups.size(), samples.labels.size());
  TaskReport report{std::move(task), compute(samples, options, classes), 0,
                    classes > 0 ? undefined : label_mean(samples.labels, samples.weights)};
  for_each_labelled("evaluate", samples.labels, samples.weights,
                    [&](std::size_t, double, double) { ++report.labelled; });
  if (options.resamples.count != 0)
    options.resamples.add(report, samples, options, compute, classes);
  return report;
}

}  // namespace espalier::metrics_detail
