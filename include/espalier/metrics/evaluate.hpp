// SPDX-License-Identifier: Apache-2.0
// The default metrics of a task, by the kind of its label: from the predictions of a whole split to
// a `TaskReport`.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/metrics/values.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

struct EvaluateOptions;

namespace metrics_detail {

using Metrics = std::vector<MetricValue>;
using Compute = Metrics (*)(const Samples&, const EvaluateOptions&, Index classes);

/// Adds gauc or, if `by_rank`, `ndcg@k` and `recall@k`.
void add_group_metrics(Metrics&, const Samples&, const EvaluateOptions&, bool by_rank);
/// Adds the confidence intervals. All metrics of a resample are computed on the same draw.
void add_intervals(TaskReport&, const Samples&, const EvaluateOptions&, Compute, Index classes);

}  // namespace metrics_detail

/// A view of the groups of an evaluation. Setting groups refers to the code of the grouped metrics;
/// a program that sets none does not contain it.
class EvaluateGroups {
 public:
  EvaluateGroups() = default;
  template <class Range>
  requires(!std::is_same_v<std::remove_cvref_t<Range>, EvaluateGroups> &&
           std::is_convertible_v<const Range&, Groups>)
      // NOLINTNEXTLINE(google-explicit-constructor): groups are spelled as what they are.
      EvaluateGroups(Range&& groups)
      : view(std::forward<Range>(groups)), add(&metrics_detail::add_group_metrics) {}

  KeptView<Groups> view{};
  decltype(&metrics_detail::add_group_metrics) add = nullptr;
};

/// Whether there will be groups, for code that must know this before it has them; see
/// EvaluateGroups.
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

/// Number of bootstrap resamples. Setting it refers to the code of the bootstrap; a program that
/// does not set it does not contain that code.
class Resamples {
 public:
  Resamples() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a number is spelled as one.
  Resamples(Index resamples) : count(resamples), add(&metrics_detail::add_intervals) {}

  Index count = 0;
  decltype(&metrics_detail::add_intervals) add = nullptr;
};

/// Weights and groups are views: the viewed data must outlive the options.
struct EvaluateOptions {
  /// One per sample, or none. Every metric ignores samples of weight 0; `ndcg@k` and `recall@k`
  /// rank the others regardless of their weight.
  KeptValues weights{};
  /// One per sample, or none. With groups, binary tasks get gauc, and intervals resample whole
  /// groups.
  EvaluateGroups groups{};
  bool detailed = false;     ///< adds precision, recall, f1; with groups also `ndcg@k`, `recall@k`
  double threshold = 0.5;    ///< for accuracy, precision, recall and f1
  Index bins = 10;           ///< for ece
  Index k = 10;              ///< for `ndcg@k` and `recall@k`
  Resamples resamples{};     ///< for confidence intervals; 0: none
  double confidence = 0.95;  ///< level of the intervals
  std::uint64_t seed = 1;    ///< of the bootstrap
};

namespace metrics_detail {

Metrics binary_metrics(const Samples&, const EvaluateOptions&, Index);
Metrics real_metrics(const Samples&, const EvaluateOptions&, Index);
Metrics count_metrics(const Samples&, const EvaluateOptions&, Index);
Metrics class_metrics(const Samples&, const EvaluateOptions&, Index classes);
Metrics item_metrics(const Samples&, const EvaluateOptions&, Index);

/// Computes the metrics of all samples and, if requested, their confidence intervals.
TaskReport evaluate_with(std::string task, Values predictions, Values labels,
                         const EvaluateOptions& options, Compute compute, Index classes = 0);

}  // namespace metrics_detail

/// auc, pr_auc, log_loss, accuracy, ece, ratio; with groups also gauc; if detailed also precision,
/// recall, f1 and, with groups, `ndcg@k`, `recall@k`. `probabilities`: n, in [0, 1]; `labels`: n,
/// each 0, 1 or NaN (missing). Undefined metrics are NaN. Throws ConfigError if a size or value is
/// invalid.
[[nodiscard]] inline TaskReport evaluate_binary(std::string task, Values probabilities,
                                                Values labels,
                                                const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), probabilities, labels, options,
                                       &metrics_detail::binary_metrics);
}

/// rmse, mae, r2. `predictions`: n, finite; `labels`: n, finite or NaN (missing). Errors as in
/// evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_real(std::string task, Values predictions, Values labels,
                                              const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), predictions, labels, options,
                                       &metrics_detail::real_metrics);
}

/// rmse, mae, poisson_deviance. `predictions`: n expected counts, ≥ 0; `labels`: n, ≥ 0 or NaN
/// (missing). Errors as in evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_count(std::string task, Values predictions, Values labels,
                                               const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), predictions, labels, options,
                                       &metrics_detail::count_metrics);
}

/// log_loss, accuracy. `probabilities`: classes × n, a sample's values contiguous, each sample's
/// sum 1; `labels`: n, each 0, 1, …, classes − 1 or NaN (missing). Errors as in evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_classes(std::string task, Values probabilities,
                                                 Values labels, Index classes,
                                                 const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), probabilities, labels, options,
                                       &metrics_detail::class_metrics, classes);
}

/// `ndcg@k`, `recall@k`, mrr. `ranks`: n, of the items that were chosen, from 1 on, infinite if it
/// could not be ranked; `labels`: n, NaN if missing. Errors as in evaluate_binary.
[[nodiscard]] inline TaskReport evaluate_items(std::string task, Values ranks, Values labels,
                                               const EvaluateOptions& options = {}) {
  return metrics_detail::evaluate_with(std::move(task), ranks, labels, options,
                                       &metrics_detail::item_metrics, 1);
}

/// Calls the one of the five functions that fits the kind of the label. `kinds`: the kinds that can
/// occur, by default all; the others are not compiled. Throws ConfigError for a kind that is not
/// among them.
template <LabelKind... kinds>
[[nodiscard]] ESPALIER_COLD TaskReport evaluate(const LabelInfo& label, Values predictions,
                                                Values labels,
                                                const EvaluateOptions& options = {}) {
  constexpr auto can_be = [](LabelKind kind) {
    return sizeof...(kinds) == 0 || ((kinds == kind) || ...);
  };
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
  if constexpr (can_be(LabelKind::item))
    if (label.kind == LabelKind::item)
      return evaluate_items(std::move(task), predictions, labels, options);
  throw ConfigError("task '" + task + "': its kind of label is not among those evaluated");
}

/// Type of evaluate(), for all or for some kinds of labels.
using Evaluate = TaskReport (*)(const LabelInfo&, Values predictions, Values labels,
                                const EvaluateOptions&);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/evaluate_definitions.hpp"
#endif
