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

/// Base of everything the library throws on purpose. `what()` is one line, made to be shown to a user.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file's content is not what was expected; the message names file, line, column, field and value where known.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A file cannot be opened, read, written or synced; the message names it and gives the system's reason.
class IoError : public Error {
 public:
  using Error::Error;
};

/// An option or argument is outside what is allowed; the message names it, its value and the allowed range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A checkpoint does not fit the model; the message names the first difference.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

/// Training ran off to infinity or NaN; the message names task, epoch and step.
class DivergenceError : public Error {
 public:
  using Error::Error;
};

/// A part of a message: text, or a number as std::to_string writes it. Refers to what it is made from.
class MessagePart {
 public:
  // NOLINTBEGIN(google-explicit-constructor): parts are listed as they are.
  MessagePart(const char* text) : text_(text) {}
  MessagePart(std::string_view text) : text_(text) {}
  MessagePart(const std::string& text) : text_(text) {}
  MessagePart(char) = delete;  // a number or a text? Say which.
  MessagePart(bool) = delete;
  MessagePart(std::signed_integral auto number) : kind_(Kind::integer), integer_(number) {}
  MessagePart(std::unsigned_integral auto number) : kind_(Kind::natural), natural_(number) {}
  MessagePart(double number) : kind_(Kind::real), real_(number) {}
  // NOLINTEND(google-explicit-constructor)

  ESPALIER_COLD void append_to(std::string& out) const {
    switch (kind_) {
      case Kind::text: out += text_; break;
      case Kind::integer: out += std::to_string(integer_); break;
      case Kind::natural: out += std::to_string(natural_); break;
      case Kind::real: out += real_ == real_ ? std::to_string(real_) : "nan"; break;  // which has a sign elsewhere
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

/// The parts in a row. One function for all: a chain of + at every place would be most of a program's text.
[[nodiscard]] ESPALIER_COLD inline std::string message(std::initializer_list<MessagePart> parts) {
  std::string text;
  for (const MessagePart& part : parts) part.append_to(text);
  return text;
}

/// Throws an `E` that says the parts in a row.
template <class E>
[[noreturn]] ESPALIER_COLD void throw_error(std::initializer_list<MessagePart> parts) {
  throw E(message(parts));
}

}  // namespace espalier
