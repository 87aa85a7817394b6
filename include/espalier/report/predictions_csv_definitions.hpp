// SPDX-License-Identifier: Apache-2.0
// Definitions of predictions_csv.hpp.
#pragma once

#include "espalier/report/predictions_csv.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/atomic_file.hpp"
#include "espalier/core/config.hpp"
#include "espalier/data/csv_writer.hpp"
#include "espalier/data/csv_writer_definitions.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/exec/predictions.hpp"

namespace espalier {

namespace predictions_detail {

/// The name of a class, or its number if it has none.
[[nodiscard]] inline std::string class_name(const Predictions& p, std::size_t task,
                                            std::size_t of) {
  const bool named = task < p.class_names.size() && of < p.class_names[task].size();
  return named ? p.class_names[task][of] : std::to_string(of);
}

/// Writes the columns of one task, row by row.
class TaskColumns {
 public:
  TaskColumns(const Predictions& predictions, std::size_t task, const PredictionColumns& options)
      : predictions_(predictions),
        task_(task),
        width_(predictions.width(task)),
        named_(task < predictions.class_names.size() ? predictions.class_names[task].size() : 0),
        classes_(task < predictions.kinds.size() && predictions.kinds[task] == LabelKind::classes),
        each_(!classes_ || options.probabilities) {}

  void add_names(const std::string& prefix, std::vector<std::string>& names) const {
    const std::string name = prefix + predictions_.tasks[task_];
    if (classes_ || width_ == 1) names.push_back(name);
    if (!each_ || (width_ == 1 && !classes_)) return;
    for (std::size_t c = 0; c < shown(); ++c)
      names.push_back(name + "_" + class_name(predictions_, task_, c));
  }

  void write(csv_detail::Writer& out, std::size_t row) const {
    const float* const values = predictions_.values[task_].data() + row * width_;
    if (classes_) {
      const auto likeliest =
          static_cast<std::size_t>(std::max_element(values, values + shown()) - values);
      out.text(class_name(predictions_, task_, likeliest));
    }
    if (!each_) return;
    for (std::size_t c = 0; c < shown(); ++c) out.number(values[c]);
  }

 private:
  /// The number of classes to write: those with a name if classes have names (the training split
  /// contains no others), else all.
  [[nodiscard]] std::size_t shown() const { return named_ > 0 ? named_ : width_; }

  const Predictions& predictions_;
  std::size_t task_, width_, named_;
  bool classes_, each_;
};

ESPALIER_COLD ESPALIER_INLINE void write(const std::string& path, const Predictions& predictions,
                                         const Dataset* data,
                                         const std::vector<std::string>& copied,
                                         const PredictionColumns& options) {
  const std::size_t rows = predictions.samples();
  if (data != nullptr && static_cast<std::size_t>(data->size()) != rows) {
    throw_error<ConfigError>({"predictions of ", rows, " rows, and a dataset of ", data->size(),
                              "; expected those of the dataset"});
  }
  std::vector<const Column*> columns;
  for (const std::string& name : copied) columns.push_back(&data->table().column(name));
  std::vector<std::string> names = copied;
  std::vector<TaskColumns> tasks;
  for (std::size_t k = 0; k < predictions.tasks.size(); ++k) {
    tasks.emplace_back(predictions, k, options);
    tasks.back().add_names(options.prefix, names);
  }
  for (std::size_t i = copied.size(); i < names.size(); ++i) {
    if (std::find(copied.begin(), copied.end(), names[i]) == copied.end()) continue;
    throw_error<ConfigError>(
        {"'", names[i],
         "' is a column of the data and a predicted one; give PredictionColumns::prefix, "
         "expected different names"});
  }
  write_file_atomically(path, [&](OutputFile& file) {
    csv_detail::Writer out(file, "predictions", names);
    for (std::size_t row = 0; row < rows; ++row) {
      for (const Column* column : columns) csv_detail::write_cell(out, *column, data->rows()[row]);
      for (const TaskColumns& task : tasks) task.write(out, row);
    }
    out.finish();
  });
}

}  // namespace predictions_detail

}  // namespace espalier
