// SPDX-License-Identifier: Apache-2.0
// The exceptions that espalier throws. All derive from `Error`, itself a std::runtime_error.
#pragma once

#include <stdexcept>
#include <string>

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

}  // namespace espalier
