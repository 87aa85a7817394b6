// SPDX-License-Identifier: Apache-2.0
// Input that parses is written and parses back to the same value; any other input throws one
// DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "espalier/core/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  espalier::Json value;
  try {
    value = espalier::Json::parse(text, "input");
  } catch (const espalier::DataError&) {
    return 0;
  }
  const std::string written = value.dump();
  const espalier::Json again = espalier::Json::parse(written, "written");
  if (again != value || again.dump() != written) std::abort();
  return 0;
}
