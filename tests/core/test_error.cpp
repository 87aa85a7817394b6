// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <type_traits>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

using namespace espalier;

namespace {

// Which handler of a program takes an exception of type E: the most particular that it names.
template <class E>
std::string caught_by() {
  try {
    throw E("events.csv:7: column 3");
  } catch (const DataError&) {
    return "data";
  } catch (const IoError&) {
    return "io";
  } catch (const ConfigError&) {
    return "config";
  } catch (const CheckpointError&) {
    return "checkpoint";
  } catch (const Error&) {
    return "espalier";
  }
}

}  // namespace

TEST_CASE("each kind of error is caught as itself and as no other") {
  CHECK(caught_by<DataError>() == "data");
  CHECK(caught_by<IoError>() == "io");
  CHECK(caught_by<ConfigError>() == "config");
  CHECK(caught_by<CheckpointError>() == "checkpoint");
  CHECK(caught_by<Error>() == "espalier");
}

TEST_CASE("who knows only the standard library still sees the sentence") {
  try {
    throw CheckpointError("model.safetensors: tensor 'shared/dense0/weight' is missing");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()) ==
          "model.safetensors: tensor 'shared/dense0/weight' is missing");
  }
  static_assert(std::is_nothrow_copy_constructible_v<DataError>);
}

TEST_CASE("an index is signed and as wide as memory") {
  static_assert(std::is_signed_v<Index>);
  CHECK(sizeof(Index) == sizeof(void*));
}
