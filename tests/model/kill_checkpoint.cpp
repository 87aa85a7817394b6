// SPDX-License-Identifier: Apache-2.0
// For tests/scripts/kill_checkpoint.sh: writes checkpoints until it is killed, or checks the file.
//
//   kill_checkpoint write FILE   writes checkpoints, starting with the file's version + 1
//   kill_checkpoint once FILE    writes one checkpoint, version 1
//   kill_checkpoint check FILE   prints the version; fails unless every tensor has that version
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/model/safetensors.hpp"

using namespace espalier;

namespace {

constexpr int tensors = 7;

/// Each version has other sizes, so a mixture of two files cannot be parsed.
std::int64_t length(int tensor, std::int64_t version) {
  return 1 + 9001 * tensor + version % 13 * 512;
}

std::string name(int tensor) { return "tensor/" + std::to_string(tensor); }

std::int64_t check(const std::string& path) {
  const SafetensorsFile file(path);
  const std::int64_t version = file.values<std::int64_t>("version").at(0);
  if (file.metadata("version") != std::to_string(version))
    throw CheckpointError("metadata is of another version");
  for (int t = 0; t < tensors; ++t) {
    std::vector<float> values(static_cast<std::size_t>(length(t, version)));
    file.read(name(t), {length(t, version)}, std::span(values));
    for (const float value : values) {
      if (value != static_cast<float>(version))
        throw CheckpointError(name(t) + " is of another version");
    }
  }
  return version;
}

void write(const std::string& path, std::int64_t version) {
  std::vector<std::vector<float>> values;
  for (int t = 0; t < tensors; ++t) {
    values.emplace_back(static_cast<std::size_t>(length(t, version)), static_cast<float>(version));
  }
  SafetensorsWriter writer;
  writer.metadata("version", std::to_string(version));
  writer.add("version", {1}, std::span<const std::int64_t>(&version, 1));
  for (int t = 0; t < tensors; ++t) {
    writer.add(name(t), {length(t, version)},
               std::span<const float>(values[static_cast<std::size_t>(t)]));
  }
  writer.write(path);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string_view mode = argc == 3 ? argv[1] : "";
    if (mode == "check") {
      std::printf("%lld\n", static_cast<long long>(check(argv[2])));
    } else if (mode == "once") {
      write(argv[2], 1);
    } else if (mode == "write") {
      for (std::int64_t version = check(argv[2]) + 1;; ++version) write(argv[2], version);
    } else {
      std::fprintf(stderr, "usage: %s write|once|check FILE\n", argv[0]);
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
