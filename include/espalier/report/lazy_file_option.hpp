// SPDX-License-Identifier: Apache-2.0
// `LazyFileOption`: a file, folder or column that an option may name, together with the functions
// that use it.
#pragma once

#include <string>
#include <type_traits>

#include "espalier/core/config.hpp"

namespace espalier {

/// A string, set from anything that converts to std::string; empty means none. Setting it takes the
/// address of `Functions::all()`, to which nothing else refers. A program that never sets it
/// therefore does not contain that code, and does not spend time compiling it.
template <class Functions>
class LazyFileOption {
 public:
  LazyFileOption() = default;

  template <class Text>
  requires(!std::is_same_v<Text, LazyFileOption> && std::is_convertible_v<const Text&, std::string>)
      LazyFileOption(
          const Text&
              text)  // NOLINT(google-explicit-constructor): an option is spelled as the text it is.
      : text_(text), functions_(&Functions::all()) {}

  operator const std::string&() const noexcept {
    return text_;
  }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  void clear() { text_.clear(); }

  /// Null if the string is empty.
  [[nodiscard]] const Functions* functions() const noexcept {
    return text_.empty() ? nullptr : functions_;
  }

 private:
  std::string text_;
  const Functions* functions_ = nullptr;
};

// Defined in run_files.hpp.
struct CheckpointFunctions;
struct GroupFunctions;
struct HistoryFunctions;
struct EventFunctions;
struct CurveFunctions;
template <class T>
struct DiagnoseFunctions;  // defined in diagnosis.hpp

}  // namespace espalier
