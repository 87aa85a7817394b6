// SPDX-License-Identifier: Apache-2.0
// Writes predictions as a CSV file: one row per sample, optionally with columns of the data that
// identify it.
#pragma once

#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/exec/predictions.hpp"

namespace espalier {

struct PredictionColumns {
  bool probabilities = true;  ///< also write the probability of every class of a class task
  /// Prefix of the predicted columns: for example "predicted_" if a label is copied, too.
  std::string prefix{};
};

namespace predictions_detail {

void write(const std::string& path, const Predictions& predictions, const Dataset* data,
           const std::vector<std::string>& copied, const PredictionColumns& options);

}  // namespace predictions_detail

/// Writes predictions as CSV (RFC 4180, UTF-8), atomically: one row per sample in the order of the
/// dataset. A task with one output has one column with its name. For a class task, that column has
/// the most probable class (of equal ones, the first) by name, or by number if it has no name, and
/// a column <task>_<class> has the probability of each class. Numbers read back as the same floats.
/// Throws ConfigError for two columns of the same name; IoError; DataError, naming row and task,
/// for a prediction that is not finite.
inline void write_csv(const std::string& path, const Predictions& predictions,
                      const PredictionColumns& options = {}) {
  predictions_detail::write(path, predictions, nullptr, {}, options);
}

/// The same after some columns of the dataset that was predicted, copied unchanged: for example ids
/// or labels. Also throws DataError for a column that does not exist, and ConfigError for a dataset
/// of another size.
inline void write_csv(const std::string& path, const Predictions& predictions, const Dataset& data,
                      const std::vector<std::string>& columns,
                      const PredictionColumns& options = {}) {
  predictions_detail::write(path, predictions, &data, columns, options);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/predictions_csv_definitions.hpp"
#endif
