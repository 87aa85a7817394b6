// SPDX-License-Identifier: Apache-2.0
// `importance`: how much worse each task gets if the values of one input are shuffled.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/function_ref.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/metrics/bootstrap.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/plan/plan.hpp"
#include "espalier/report/labelled_predictions.hpp"

namespace espalier {

struct ImportanceOptions {
  Index repeats = 5;       ///< number of shuffles per input, ≥ 1
  std::uint64_t seed = 1;  ///< of the shuffles and of the split into parts for the intervals
  /// Metric of the tasks that have it, for example "gauc"; all other tasks, or all tasks if empty,
  /// use the first metric of their report.
  std::string metric{};
  /// Weights and groups (by default those of the trainer's columns), threshold, confidence, …; its
  /// `resamples` are ignored.
  EvaluateOptions evaluate{};
  std::function<void(Index done, Index all)> progress{};  ///< called after each shuffle
};

/// How much a task loses if one input is shuffled.
struct InputImportance {
  std::string input;
  /// How much worse the task's metric gets: positive if the input helps; mean over the shuffles.
  double loss = undefined;
  Interval interval{};
};

struct TaskImportance {
  std::string task, metric;
  double value = undefined;             ///< the metric without shuffling
  std::vector<InputImportance> inputs;  ///< most important first
};

/// Converts to text with to_string(), and with << on any stream that accepts a std::string.
struct Importance {
  std::vector<TaskImportance> tasks;
  double confidence = 0.95;

  /// Throws ConfigError, listing the known names, if the task or the input is unknown.
  [[nodiscard]] const InputImportance& at(std::string_view task, std::string_view input) const;

  /// One table per task, separated by an empty line; one row per input, most important first. "n/a"
  /// means undefined.
  [[nodiscard]] std::string to_string() const;

  /// An SVG image with one panel per task: one row per input, with a dot at its importance and a
  /// line over the interval.
  [[nodiscard]] std::string to_svg(const std::string& title = "Importance of inputs") const;
};

/// `std::cout << importance(trainer, test)`. The caller includes <ostream>.
template <class Stream>
requires requires(Stream& stream, const std::string& text) { stream << text; }
Stream& operator<<(Stream& stream, const Importance& importance) {
  stream << importance.to_string();
  return stream;
}

/// importance() of encoded data, for a model given as its prediction function.
[[nodiscard]] Importance importance_of(const PlanView& plan, const EncodedData& data,
                                       FunctionRef<Predictions(const EncodedData&)> predict,
                                       const ImportanceOptions& options = {});

/// Permutation importance: shuffles the values of each input among the rows of `data`, which must
/// have labels, and measures how much worse the metric of each task gets: positive if the input
/// helps. The columns of a NumericVector are shuffled together, and so are inputs that read the
/// same column; all other inputs stay unchanged. If two inputs carry the same information, each has
/// little importance as long as the other is there.
///
/// The interval is Student's t, from the same losses in 20 parts of the rows (fewer if there are
/// fewer than 200 rows, or groups; a group is always within one part). It says how the value would
/// vary with other data of this size and other shuffles.
///
/// Deterministic for a given seed, on any number of threads. Costs inputs × repeats + 1 predictions
/// and evaluations of the data, and twice the memory of the encoded data. Throws ConfigError if an
/// option is out of range, if the data has no rows, or if no task has the metric.
///
/// Breiman, Random forests, Machine Learning 2001, section 10; Fisher, Rudin & Dominici, All models
/// are wrong, but many are useful, JMLR 2019. The parts: sectioning, Asmussen & Glynn, Stochastic
/// Simulation, 2007, chapter III.5.
template <class Model>
requires PredictsEncoded<std::remove_reference_t<Model>>
[[nodiscard]] Importance importance(Model&& model, const Dataset& data,
                                    const ImportanceOptions& options = {}) {
  return importance_of(
      model.plan(), model.features().encode(data),
      [&](const EncodedData& d) { return model.predict(d); }, options);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/importance_definitions.hpp"
#endif
