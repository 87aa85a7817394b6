// SPDX-License-Identifier: Apache-2.0
// `RowNames`: the names under which a row's values are given.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/place_in.hpp"
#include "espalier/data/named_value.hpp"

namespace espalier::features_detail {

/// Distinct names, by index.
class RowNames {
 public:
  /// Returns the index of a name; a new name gets a new index.
  ESPALIER_COLD std::size_t add(std::string_view name) { return place_in(names_, name); }

  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] const std::string& operator[](std::size_t place) const { return names_[place]; }

  /// For each name, the value given or null. O(1) per value if values come in the order of the
  /// names. Throws ConfigError for an unknown name, and for a name that is given twice.
  [[nodiscard]] std::vector<const NamedValue*> find(std::span<const NamedValue> values) const {
    std::vector<const NamedValue*> found(names_.size(), nullptr);
    std::size_t next = 0;
    for (const NamedValue& value : values) {
      std::size_t step = 0;
      for (; step < names_.size(); ++step) {
        const std::size_t at =
            next + step < names_.size() ? next + step : next + step - names_.size();
        if (names_[at] != value.name) continue;
        if (found[at] != nullptr)
          throw_error<ConfigError>({"row: '", value.name, "' is given twice"});
        found[at] = &value;
        next = at + 1;
        break;
      }
      if (step == names_.size())
        throw_error<ConfigError>(
            {"row: '", value.name, "' is not an input of the model, which reads ", list()});
    }
    return found;
  }

 private:
  [[nodiscard]] ESPALIER_COLD std::string list() const {
    std::string all;
    for (const std::string& name : names_) all += (all.empty() ? "'" : ", '") + name + "'";
    return all.empty() ? "nothing" : all;
  }

  std::vector<std::string> names_;
};

}  // namespace espalier::features_detail
