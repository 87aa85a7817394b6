// SPDX-License-Identifier: Apache-2.0
// Bounds of an option's number, said in a sentence.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "espalier/data/column.hpp"

namespace examples {

/// For numbers of an option: at least so much, or above it.
[[nodiscard]] inline CLI::Validator number_from(double least, bool itself = true) {
  const std::string wanted = (itself ? "" : "above ") + espalier::number_text(least) + (itself ? " or more" : "");
  return {[=](std::string& text) {
            double value = 0;
            const bool fits = CLI::detail::lexical_cast(text, value) && (itself ? value >= least : value > least);
            return fits ? std::string() : text + ", expected a number, " + wanted;
          },
          ""};
}

}  // namespace examples
