// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

using namespace espalier;

namespace {

// The handler that catches an exception of type E: the most specific class that the program lists.
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

TEST_CASE("message: texts as they are, numbers as std::to_string writes them") {
  const std::string owned = "owned";
  const std::string_view view = std::string_view("views").substr(0, 4);
  CHECK(espalier::message({}).empty());
  CHECK(espalier::message({"literal ", owned, " ", view}) == "literal owned view");
  CHECK(espalier::message({-1, " ", std::numeric_limits<std::int64_t>::min(), " ",
                           std::numeric_limits<std::uint64_t>::max(), " ", std::int8_t{7}, " ",
                           0.5}) ==
        "-1 -9223372036854775808 18446744073709551615 7 " + std::to_string(0.5));
}

TEST_CASE("throw_error: throws that error, saying the parts") {
  CHECK_THROWS_WITH_AS(espalier::throw_error<espalier::DataError>({"line ", 3, ": no"}),
                       "line 3: no", espalier::DataError);
}
