// SPDX-License-Identifier: Apache-2.0
// Encodes and checks the weights and groups of samples.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "espalier/data/encoded.hpp"
#include "espalier/data/table.hpp"

namespace espalier::features_detail {

/// Range of a weight other than 0: sums over a batch and their reciprocals must fit a float.
inline constexpr double least_weight = 1e-30, most_weight = 1e30;

/// Throws DataError for a weight that is missing, negative or out of range.
inline void encode_weights(const std::string& column, const Table& table,
                           const std::vector<std::int32_t>& rows, EncodedData& out) {
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

/// Rows with the same value of `column` get the same group number; rows without a value get −1.
inline void encode_groups(const std::string& column, const Table& table,
                          const std::vector<std::int32_t>& rows, EncodedData& out) {
  Column made;
  const Column& groups = table.as_keys(column, made);
  out.groups.reserve(rows.size());
  for (const std::int32_t row : rows)
    out.groups.push_back(groups.codes[static_cast<std::size_t>(row)]);
}

}  // namespace espalier::features_detail
