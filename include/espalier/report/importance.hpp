// SPDX-License-Identifier: Apache-2.0
// `importance`: how much worse each task is when the values of one input are shuffled.
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
  Index repeats = 5;       ///< shuffles of each input, from 1
  std::uint64_t seed = 1;  ///< of the shuffles and of the intervals' parts
  std::string metric{};    ///< of the tasks that have it ("gauc", say); of the others, and when empty, a report's first
  EvaluateOptions
      evaluate{};  ///< weights and groups (by default those of the trainer's columns), threshold, confidence …;
                   ///< its resamples are not drawn
  std::function<void(Index done, Index all)> progress{};  ///< called after each shuffle
};

/// What a task loses without one input.
struct InputImportance {
  std::string input;
  double loss = undefined;  ///< of the task's metric, positive when the input helps; the mean over the shuffles
  Interval interval{};
};

struct TaskImportance {
  std::string task, metric;
  double value = undefined;             ///< of the metric, nothing being shuffled
  std::vector<InputImportance> inputs;  ///< the most important first
};

/// Converts to text by to_string() and by << on any stream that takes a std::string.
struct Importance {
  std::vector<TaskImportance> tasks;
  double confidence = 0.95;

  /// Throws ConfigError, naming those there are, when the task or the input is unknown.
  [[nodiscard]] const InputImportance& at(std::string_view task, std::string_view input) const;

  /// A table a task, an empty line between them: a row an input, the most important first. "n/a" is undefined.
  [[nodiscard]] std::string to_string() const;

  /// A panel a task: a row an input, a dot for its importance with a line for the interval. An SVG image.
  [[nodiscard]] std::string to_svg(const std::string& title = "Importance of inputs") const;
};

/// `std::cout << importance(trainer, test)`.
template <class Stream>
requires requires(Stream& stream, const std::string& text) { stream << text; }
Stream& operator<<(Stream& stream, const Importance& importance) {
  stream << importance.to_string();
  return stream;
}

/// importance() of data that is encoded, by what predicts it.
[[nodiscard]] Importance importance_of(const PlanView& plan, const EncodedData& data,
                                       FunctionRef<Predictions(const EncodedData&)> predict,
                                       const ImportanceOptions& options = {});

/// Permutation importance: for every input, its values are shuffled among the rows of `data`, which must have labels, and
/// the loss of each task's metric is counted so that it is positive when the input helps. The columns of a NumericVector are
/// shuffled together, and so are inputs that read the same column; all else stays as it is. An input that stands for another
/// (two that say the same) is worth little as long as the other is there.
///
/// The interval is Student's t, of the same losses in 20 parts of the rows (fewer where there are fewer than 200 rows, or
/// groups; a group lies in one part): it says how the figure would vary with other data of this size and other shuffles.
///
/// Deterministic by the seed, on any number of threads. Costs inputs × repeats + 1 predictions and evaluations of the data,
/// and the memory of the encoded data twice. Throws ConfigError for options out of range, data without rows, and a metric
/// that no task has.
///
/// Breiman, Random forests, Machine Learning 2001, section 10; Fisher, Rudin & Dominici, All models are wrong, but many are
/// useful, JMLR 2019. The parts: sectioning, Asmussen & Glynn, Stochastic Simulation, 2007, chapter III.5.
template <class Model>
requires PredictsEncoded<std::remove_reference_t<Model>>
[[nodiscard]] Importance importance(Model&& model, const Dataset& data, const ImportanceOptions& options = {}) {
  return importance_of(
      model.plan(), model.features().encode(data), [&](const EncodedData& d) { return model.predict(d); }, options);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/importance_definitions.hpp"
#endif
