// SPDX-License-Identifier: Apache-2.0
// The exceptions that espalier throws. All derive from `Error`, itself a std::runtime_error.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

/// Base class of all exceptions that the library throws on purpose. `what()` is one line, suitable
/// to be shown to a user.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The content of a file is not what was expected; the message names file, line, column, field and
/// value if known.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A file cannot be opened, read, written or synced; the message names it and gives the system's
/// reason.
class IoError : public Error {
 public:
  using Error::Error;
};

/// An option or argument is outside its allowed range; the message names it, its value and the
/// range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A checkpoint does not fit the model; the message names the first difference.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

/// Training diverged to infinity or NaN; the message names task, epoch and step.
class DivergenceError : public Error {
 public:
  using Error::Error;
};

/// A part of a message: text, or a number formatted by std::to_string. Refers to text; does not own
/// it.
class MessagePart {
 public:
  // NOLINTBEGIN(google-explicit-constructor): parts are listed as they are.
  MessagePart(const char* text) : text_(text) {}
  MessagePart(std::string_view text) : text_(text) {}
  MessagePart(const std::string& text) : text_(text) {}
  MessagePart(char) = delete;  // ambiguous: a number or text
  MessagePart(bool) = delete;
  MessagePart(std::signed_integral auto number) : kind_(Kind::integer), integer_(number) {}
  MessagePart(std::unsigned_integral auto number) : kind_(Kind::natural), natural_(number) {}
  MessagePart(double number) : kind_(Kind::real), real_(number) {}
  // NOLINTEND(google-explicit-constructor)

  ESPALIER_COLD void append_to(std::string& out) const {
    switch (kind_) {
      case Kind::text:
        out += text_;
        break;
      case Kind::integer:
        out += std::to_string(integer_);
        break;
      case Kind::natural:
        out += std::to_string(natural_);
        break;
      // std::to_string writes "-nan" on some platforms.
      case Kind::real:
        out += real_ == real_ ? std::to_string(real_) : "nan";
        break;
    }
  }

 private:
  enum class Kind : std::uint8_t { text, integer, natural, real };

  Kind kind_ = Kind::text;
  union {
    std::string_view text_;
    std::int64_t integer_;
    std::uint64_t natural_;
    double real_;
  };
};

/// Concatenates the parts. One function for all messages: a chain of + at every place would make up
/// most of a program's code.
[[nodiscard]] ESPALIER_COLD inline std::string message(std::initializer_list<MessagePart> parts) {
  std::string text;
  for (const MessagePart& part : parts) part.append_to(text);
  return text;
}

/// Throws an `E` whose message is the concatenation of the parts.
template <class E>
[[noreturn]] ESPALIER_COLD void throw_error(std::initializer_list<MessagePart> parts) {
  throw E(message(parts));
}

}  // namespace espalier
