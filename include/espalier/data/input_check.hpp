// SPDX-License-Identifier: Apache-2.0
// `InputCheck`: inputs that the training split did not have are counted by field, or refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/column.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// How an input can differ from the training split.
enum class Unseen : std::uint8_t {
  /// Not given, empty or NaN; of a vector: at least one element; of a multi-valued cell: all
  /// values.
  missing,
  unknown,  ///< a category that is not in the vocabulary; of a multi-valued cell: at least one
  outside,  ///< a number far outside the range, see InputRange; of a vector: at least one
};

/// Smallest and largest number of a column in training, after the transforms before `standardize`.
/// NaN if not known.
struct InputRange {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();

  /// Whether x is outside [low, high] by more than the width of that interval. For a constant
  /// column: any other number.
  [[nodiscard]] bool far_from(double x) const {
    const double width = high - low;
    return x < low - width || x > high + width;
  }
  [[nodiscard]] double clamp(double x) const { return x < low ? low : x > high ? high : x; }
};

/// The number of rows in which an input field differed from the training data.
struct InputEvent {
  std::size_t field = 0;  ///< index in Schema::fields
  Unseen what = Unseen::missing;
  std::int64_t rows = 1;
};

/// What encoding does with inputs that training did not see.
struct InputCheck {
  std::vector<InputEvent>* found = nullptr;  ///< receives the events, unless null
  bool strict = false;                       ///< refuse such inputs
  /// Clamp numbers to the range of the training split; then none is refused as outside.
  bool clamp = false;

  [[nodiscard]] bool looks() const { return found != nullptr || strict; }
  /// A history input, an input with Folds or a sequence may be missing because no row came before
  /// it, and past items may be newer than the training split, which is not an error of the row: it
  /// is counted, not refused.
  [[nodiscard]] bool refuses(Unseen what, const FieldInfo& field) const {
    const bool of_others = what != Unseen::outside && field.history.exists();
    return strict && !(clamp && what == Unseen::outside) && !of_others &&
           !(what == Unseen::missing && field.pool == Pool::sequence);
  }

  void add(std::size_t field, Unseen what, std::int64_t rows) const {
    if (found != nullptr && rows > 0) found->push_back({field, what, rows});
  }
};

namespace features_detail {

/// Error text of a strict check after "input 'user' is ".
[[nodiscard]] ESPALIER_COLD inline std::string refusal(Unseen what, std::string_view value) {
  return what == Unseen::missing
             ? "missing, expected a value"
             : message({"'", value,
                        "', expected what the vocabulary has, learnt from the training split"});
}
[[nodiscard]] ESPALIER_COLD inline std::string refusal(Unseen what, double value,
                                                       const InputRange& range) {
  return what == Unseen::missing
             ? refusal(what, {})
             : message({number_text(value), ", far outside of what the training split has: ",
                        number_text(range.low), " to ", number_text(range.high)});
}

}  // namespace features_detail

}  // namespace espalier
