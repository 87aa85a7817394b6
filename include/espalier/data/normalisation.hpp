// SPDX-License-Identifier: Apache-2.0
// `Normalisation`: numeric inputs, transformed and standardised with statistics of the training
// split.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/data/transform.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

/// A numeric column and what was learnt from the training split.
struct NumericColumn {
  const FieldInfo* info;
  std::size_t field;  ///< index in the schema's fields
  std::string name;
  double mean = 0, deviation = 1;
  InputRange range{};

  /// The model input; nullopt if it does not fit a float.
  [[nodiscard]] std::optional<float> input(double number, bool clamp) const {
    const double x = before_standardize(*info, number);
    return as_input(*info, clamp ? range.clamp(x) : x, mean, deviation);
  }

  /// How the number differs from the training data; nullopt if it does not.
  [[nodiscard]] std::optional<Unseen> unseen(double number) const {
    if (std::isnan(number)) return Unseen::missing;
    return range.far_from(before_standardize(*info, number)) ? std::optional(Unseen::outside)
                                                             : std::nullopt;
  }
};

/// The numeric columns of a schema.
class Normalisation {
 public:
  explicit Normalisation(std::span<const FieldInfo> fields);

  [[nodiscard]] const std::vector<NumericColumn>& columns() const { return columns_; }
  [[nodiscard]] std::size_t size() const { return columns_.size(); }

  /// Learns means, deviations and ranges of the columns, which are in `made` or in the table. A
  /// constant or empty column gets deviation 1. Throws DataError if a column is missing, or a
  /// number or its moments are not finite.
  void learn(const Dataset& train, const Columns& made, FeaturesState& state) const;

  /// Takes over what was learnt. Throws CheckpointError if the numbers are invalid.
  void take(const FeaturesState& state);

  /// Encodes the inputs of all rows; the inputs of a sample are contiguous. Throws DataError.
  void encode(const Dataset& data, const Columns& made, EncodedData& out,
              const InputCheck& check) const;

 private:
  /// Reports inputs that training did not see, or throws DataError if the check is strict. Counts a
  /// row once per vector field.
  void look(const Dataset& data, const Columns& made, const InputCheck& check) const;

  [[noreturn]] static void refuse(const Table& table, std::int32_t row, const NumericColumn& c,
                                  const std::vector<double>& values);

  std::vector<NumericColumn> columns_;
};

}  // namespace espalier::features_detail

#if ESPALIER_DEFINE
#include "espalier/data/normalisation_definitions.hpp"
#endif
