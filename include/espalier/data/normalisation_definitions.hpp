// SPDX-License-Identifier: Apache-2.0
// Definitions of normalisation.hpp.
#pragma once

#include "espalier/data/normalisation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/number_column.hpp"
#include "espalier/data/schema_columns.hpp"

namespace espalier::features_detail {

ESPALIER_COLD ESPALIER_INLINE Normalisation::Normalisation(std::span<const FieldInfo> fields) {
  for (std::size_t field = 0; field < fields.size(); ++field) {
    const FieldInfo& f = fields[field];
    for (int i = 0; f.is_numeric() && i < f.width; ++i)
      columns_.push_back({&f, field, column_name(f, i)});
  }
}

ESPALIER_COLD ESPALIER_INLINE void Normalisation::learn(const Dataset& train, const Columns& made,
                                                        FeaturesState& state) const {
  state.means.clear(), state.deviations.clear(), state.lows.clear(), state.highs.clear();
  for (const NumericColumn& c : columns_) {
    const std::vector<double>& values = number_column(train, made, c.name);
    const auto before = [&](std::int32_t row) {
      return before_standardize(*c.info, values[static_cast<std::size_t>(row)]);
    };
    Moments moments;
    InputRange range;
    for (const std::int32_t row : train.rows()) {
      const double x = before(row);
      if (std::isnan(x)) continue;
      if (std::isinf(x)) refuse(train.table(), row, c, values);
      moments.add(x);
      range.low = std::isnan(range.low) ? x : (std::min)(range.low, x);
      range.high = std::isnan(range.high) ? x : (std::max)(range.high, x);
    }
    if (!moments.finite()) {
      const auto size = [&](std::int32_t row) {
        return std::isnan(before(row)) ? 0 : std::abs(before(row));
      };
      const std::int32_t largest =
          *std::max_element(train.rows().begin(), train.rows().end(),
                            [&](auto a, auto b) { return size(a) < size(b); });
      throw_error<DataError>({train.table().where(largest), ": column '", c.name, "' is ",
                              number_text(values[static_cast<std::size_t>(largest)]),
                              ", expected numbers that have a mean and a deviation"});
    }
    state.means.push_back(moments.mean());
    state.deviations.push_back(moments.deviation());
    state.lows.push_back(range.low);
    state.highs.push_back(range.high);
  }
}

ESPALIER_COLD ESPALIER_INLINE void Normalisation::take(const FeaturesState& state) {
  const bool ranges = !state.lows.empty() || !state.highs.empty();
  if (ranges && (state.lows.size() != columns_.size() || state.highs.size() != columns_.size())) {
    throw_error<CheckpointError>({"features: ", state.lows.size(), " least and ",
                                  state.highs.size(), " largest numbers, expected none or ",
                                  columns_.size()});
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!std::isfinite(state.means[i])) throw CheckpointError("features: a mean is not finite");
    if (!(state.deviations[i] > 0)) throw CheckpointError("features: a deviation is not positive");
    columns_[i].mean = state.means[i];
    columns_[i].deviation = state.deviations[i];
    columns_[i].range = ranges ? InputRange{state.lows[i], state.highs[i]} : InputRange{};
    if (columns_[i].range.low > columns_[i].range.high) {
      throw CheckpointError("features: a column's least number is above its largest");
    }
  }
}

ESPALIER_INLINE void Normalisation::encode(const Dataset& data, const Columns& made,
                                           EncodedData& out, const InputCheck& check) const {
  if (check.looks()) look(data, made, check);
  std::vector<const std::vector<double>*> sources;
  for (const NumericColumn& c : columns_) sources.push_back(&number_column(data, made, c.name));
  out.numeric.resize(sources.size() * data.rows().size());
  // One column at a time, over few enough samples to stay in cache.
  constexpr std::size_t block = 64;
  for (std::size_t begin = 0; begin < data.rows().size(); begin += block) {
    const std::size_t end = (std::min)(begin + block, data.rows().size());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const NumericColumn& c = columns_[i];
      for (std::size_t j = begin; j < end; ++j) {
        const auto input =
            c.input((*sources[i])[static_cast<std::size_t>(data.rows()[j])], check.clamp);
        if (!input) refuse(data.table(), data.rows()[j], c, *sources[i]);
        out.numeric[j * sources.size() + i] = *input;
      }
    }
  }
}

ESPALIER_INLINE void Normalisation::look(const Dataset& data, const Columns& made,
                                         const InputCheck& check) const {
  for (std::size_t i = 0; i < columns_.size();) {
    const std::size_t field = columns_[i].field;
    std::vector<bool> missing(data.rows().size()), outside(data.rows().size());
    for (; i < columns_.size() && columns_[i].field == field; ++i) {
      const NumericColumn& c = columns_[i];
      const std::vector<double>& values = number_column(data, made, c.name);
      for (std::size_t j = 0; j < missing.size(); ++j) {
        const std::int32_t row = data.rows()[j];
        const double number = values[static_cast<std::size_t>(row)];
        const std::optional<Unseen> what = c.unseen(number);
        if (!what) continue;
        if (check.refuses(*what, *c.info)) {
          throw_error<DataError>({data.table().where(row), ": column '", c.name, "' is ",
                                  refusal(*what, number, c.range)});
        }
        (*what == Unseen::missing ? missing : outside)[j] = true;
      }
    }
    check.add(field, Unseen::missing, std::count(missing.begin(), missing.end(), true));
    check.add(field, Unseen::outside, std::count(outside.begin(), outside.end(), true));
  }
}

ESPALIER_INLINE void Normalisation::refuse(const Table& table, std::int32_t row,
                                           const NumericColumn& c,
                                           const std::vector<double>& values) {
  throw_error<DataError>({table.where(row), ": column '", c.name, "' is ",
                          number_text(values[static_cast<std::size_t>(row)]),
                          ", expected a finite number that a float can hold"});
}

}  // namespace espalier::features_detail
