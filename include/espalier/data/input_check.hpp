// SPDX-License-Identifier: Apache-2.0
// What stands in inputs that the training split did not have: found by field, or refused.
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

/// How an input may be unlike those of the training split.
enum class Unseen : std::uint8_t {
  missing,  ///< not given, empty, NaN; of a vector at least one number, of a cell with several values all of them
  unknown,  ///< a category that the vocabulary does not have; of a cell with several at least one
  outside,  ///< a number far outside, see InputRange; of a vector at least one
};

/// Least and largest number that training saw of a column, after the transforms before `standardize`. NaN where not known.
struct InputRange {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();

  /// Outside of [low, high] by more than its width. Of a column that was constant: any other number.
  [[nodiscard]] bool far_from(double x) const {
    const double width = high - low;
    return x < low - width || x > high + width;
  }
  [[nodiscard]] double clamp(double x) const { return x < low ? low : x > high ? high : x; }
};

/// In so many rows an input field was not what training saw.
struct InputEvent {
  std::size_t field = 0;  ///< its number in Schema::fields
  Unseen what = Unseen::missing;
  std::int64_t rows = 1;
};

/// What encoding does about inputs that training did not see.
struct InputCheck {
  std::vector<InputEvent>* found = nullptr;  ///< appended to, unless null
  bool strict = false;                       ///< they are refused
  bool clamp = false;                        ///< numbers are moved into the range of the training split; then none is refused

  [[nodiscard]] bool looks() const { return found != nullptr || strict; }
  /// What inputs of the rows before are is not the row's fault where nothing was there before: it is counted, not refused.
  [[nodiscard]] bool refuses(Unseen what, const FieldInfo& field) const {
    return strict && !(clamp && what == Unseen::outside) && !(what == Unseen::missing && field.history.exists());
  }

  void add(std::size_t field, Unseen what, std::int64_t rows) const {
    if (found != nullptr && rows > 0) found->push_back({field, what, rows});
  }
};

namespace features_detail {

/// What a strict check says behind "input 'user' is ".
[[nodiscard]] ESPALIER_COLD inline std::string refusal(Unseen what, std::string_view value) {
  return what == Unseen::missing ? "missing, expected a value"
                                 : message({"'", value, "', expected what the vocabulary has, learnt from the training split"});
}
[[nodiscard]] ESPALIER_COLD inline std::string refusal(Unseen what, double value, const InputRange& range) {
  return what == Unseen::missing ? refusal(what, {})
                                 : message({number_text(value), ", far outside of what the training split has: ",
                                            number_text(range.low), " to ", number_text(range.high)});
}

}  // namespace features_detail

}  // namespace espalier
