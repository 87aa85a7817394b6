// SPDX-License-Identifier: Apache-2.0
// Labels, weights and groups of a dataset as numbers, checked against what the losses take.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "espalier/data/encoded.hpp"
#include "espalier/data/table.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

/// A finite number that a float holds.
[[nodiscard]] inline bool is_float(double x) {
  return std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max());
}

[[nodiscard]] inline bool fits(const LabelInfo& label, double y) {
  switch (label.kind) {
    case LabelKind::binary: return y == 0 || y == 1;
    case LabelKind::real: return is_float(y);
    case LabelKind::count: return is_float(y) && y >= 0;
    case LabelKind::classes: return y >= 0 && y < label.classes && y == std::floor(y);
  }
  return false;
}

[[nodiscard]] inline std::string expected(const LabelInfo& label) {
  switch (label.kind) {
    case LabelKind::binary: return "0 or 1";
    case LabelKind::real: return "a finite number";
    case LabelKind::count: return "a finite number from 0";
    case LabelKind::classes: break;
  }
  return "a class from 0 to " + std::to_string(label.classes - 1);
}

/// A label whose column the table does not have stays missing in all rows. Throws DataError.
inline void encode_labels(const Schema& schema, const Table& table, const std::vector<std::int32_t>& rows,
                          EncodedData& out) {
  for (std::size_t k = 0; k < schema.labels.size(); ++k) {
    const LabelInfo& label = schema.labels[k];
    if (!table.has(label.column)) continue;
    const std::vector<double>& values = table.numbers(label.column);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      const double y = values[static_cast<std::size_t>(rows[j])];
      if (std::isnan(y)) continue;
      if (!fits(label, y)) {
        throw_error<DataError>({table.where(rows[j]), ": label '", label.column, "' of task '", label.name,
                                "' is ", number_text(y), ", expected ", expected(label),
                                " or a missing value"});
      }
      out.labels[k * rows.size() + j] = static_cast<float>(y);
    }
  }
}

/// What a weight may be beside 0: sums over a batch, and one over them, stay floats.
inline constexpr double least_weight = 1e-30, most_weight = 1e30;

/// Throws DataError for a weight that is missing, negative or out of bounds.
inline void encode_weights(const std::string& column, const Table& table, const std::vector<std::int32_t>& rows,
                           EncodedData& out) {
  const std::vector<double>& weights = table.numbers(column);
  out.weights.reserve(rows.size());
  for (const std::int32_t row : rows) {
    const double w = weights[static_cast<std::size_t>(row)];
    if (w != 0 && !(w >= least_weight && w <= most_weight)) {
      throw_error<DataError>({table.where(row), ": weight '", column, "' is ",
                              (std::isnan(w) ? "missing" : number_text(w)),
                              ", expected 0 or a number from ", number_text(least_weight), " to ",
                              number_text(most_weight)});
    }
    out.weights.push_back(static_cast<float>(w));
  }
}

/// Rows with the same value of `column` get the same number, those without one −1.
inline void encode_groups(const std::string& column, const Table& table, const std::vector<std::int32_t>& rows,
                          EncodedData& out) {
  Column made;
  const Column& groups = table.as_text(column, made);
  out.groups.reserve(rows.size());
  for (const std::int32_t row : rows) out.groups.push_back(groups.codes[static_cast<std::size_t>(row)]);
}

}  // namespace espalier::features_detail
