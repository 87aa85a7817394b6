// SPDX-License-Identifier: Apache-2.0
// The C++ side of tests/golden/safetensors_roundtrip.py: writes a file of fixed tensors, or checks
// one.
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/model/safetensors.hpp"

using namespace espalier;

namespace {

/// Calls visit(name, shape, values) for every tensor.
void each_tensor(auto&& visit) {
  const auto ramp = [&]<class T>(T, const char* name, Shape shape, double start, double scale) {
    std::int64_t count = 1;
    for (const std::int64_t length : shape) count *= length;
    std::vector<T> values;
    for (std::int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(i) * scale + start;
      if constexpr (std::is_integral_v<T>) {
        values.push_back(static_cast<T>(static_cast<std::int64_t>(value)));
      } else {
        values.push_back(static_cast<T>(value));
      }
    }
    visit(name, shape, values);
  };
  ramp(std::uint8_t{}, "bytes", {7}, 250, 1);
  ramp(float{}, "shared/0/weight", {3, 4}, -1.5, 0.25);
  ramp(double{}, "tower/café \"quoted\"", {2, 1, 3}, 0.1, 1);
  ramp(std::int64_t{}, "ids", {5}, -1099511627776.0, 1);
  ramp(std::int32_t{}, "small", {2, 2}, -7, 3);
  ramp(float{}, "scalar", {}, 3.5, 0);
  ramp(float{}, "empty", {0, 4}, 0, 0);
}

constexpr const char* description = "line 1\nline 2 \"quoted\" \\ é";

void write(const std::string& path) {
  SafetensorsWriter writer;
  writer.metadata("description", description);
  writer.metadata("empty", "");
  std::vector<std::vector<std::byte>> kept;
  each_tensor([&]<class T>(const char* name, const Shape& shape, const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    kept.emplace_back(bytes.begin(), bytes.end());
    writer.add(name, dtype_of<T>, shape, kept.back());
  });
  writer.write(path);
}

void check(const std::string& path) {
  const SafetensorsFile file(path);
  std::size_t count = 0;
  each_tensor([&]<class T>(const char* name, const Shape& shape, const std::vector<T>& values) {
    std::vector<T> found(values.size());
    file.read(name, shape, std::span(found));
    if (found != values) throw CheckpointError(std::string(name) + " has other values");
    ++count;
  });
  if (file.tensors().size() != count) throw CheckpointError("another number of tensors");
  if (file.metadata("description") != description || !file.metadata("empty").empty()) {
    throw CheckpointError("other metadata");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string_view(argv[1]) == "write") {
      write(argv[2]);
    } else if (argc == 3 && std::string_view(argv[1]) == "check") {
      check(argv[2]);
    } else {
      std::fprintf(stderr, "usage: %s write|check FILE\n", argv[0]);
      return 2;
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
