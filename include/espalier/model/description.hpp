// SPDX-License-Identifier: Apache-2.0
// Describes a model as text, and finds the first difference between two texts: how a file records
// the model it was made for.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

[[nodiscard]] constexpr std::string_view activation_name(Activation a) {
  switch (a) {
    case Activation::identity:
      break;
    case Activation::relu:
      return "relu";
    case Activation::leaky_relu:
      return "leaky_relu";
    case Activation::gelu:
      return "gelu";
    case Activation::silu:
      return "silu";
    case Activation::tanh:
      return "tanh";
    case Activation::sigmoid:
      return "sigmoid";
  }
  return "identity";
}

/// The source of a field's values if its name does not tell: for example ", of 'duration_ms'", or
/// ", by 'user' 'tab' before 'date'".
[[nodiscard]] std::string describe_source(const FieldInfo& f);

/// "numeric × 1, log1p, standardize" or "categorical × 16, table 'movie', mean over '|'".
[[nodiscard]] std::string describe_field(const FieldInfo& f);

/// Describes the model as lines "what: value": architecture, fields, tasks, tensors, activations.
/// Two plans are the same model if their lines are equal. Leaves out what matters only for
/// training: task weights, dropout.
[[nodiscard]] std::vector<std::string> describe_plan(const PlanView& plan);

/// Concatenates the lines, each followed by '\n'.
[[nodiscard]] std::string join_lines(const std::vector<std::string>& lines);

/// Returns the first line that differs, from each text; "nothing more" for a text that has ended.
/// Both are empty if the texts are equal.
[[nodiscard]] std::pair<std::string, std::string> first_difference(std::string_view a,
                                                                   std::string_view b);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/description_definitions.hpp"
#endif
