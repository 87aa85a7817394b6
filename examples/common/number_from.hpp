// SPDX-License-Identifier: Apache-2.0
// Range check for numeric options, with an error message.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "espalier/data/column.hpp"

namespace examples {

/// Accepts numbers from `least` on; with `itself` = false only greater ones.
[[nodiscard]] inline CLI::Validator number_from(double least, bool itself = true) {
  const std::string wanted =
      (itself ? "" : "above ") + espalier::number_text(least) + (itself ? " or more" : "");
  return {[=](std::string& text) {
            double value = 0;
            const bool fits =
                CLI::detail::lexical_cast(text, value) && (itself ? value >= least : value > least);
            return fits ? std::string() : text + ", expected a number, " + wanted;
          },
          ""};
}

}  // namespace examples
