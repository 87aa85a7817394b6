// SPDX-License-Identifier: Apache-2.0
// The message of the error that an action throws.
#pragma once

#include <string>

#include "espalier/core/error.hpp"

namespace espalier_test {

/// "accepted" if the action throws no espalier::Error.
inline std::string message_of(auto&& action) {
  try {
    action();
  } catch (const espalier::Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace espalier_test
