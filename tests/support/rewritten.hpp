// SPDX-License-Identifier: Apache-2.0
// The contents of a safetensors file, to change and write back in valid form.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "espalier/model/safetensors.hpp"

namespace espalier_test {

struct Contents {
  struct Tensor {
    espalier::Dtype dtype;
    espalier::Shape shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;

  explicit Contents(const std::string& path) {
    const espalier::SafetensorsFile file(path);
    for (const auto& [key, text] : file.metadata()) metadata[key] = text;
    for (const espalier::TensorInfo& t : file.tensors()) {
      Tensor made{t.dtype, t.shape, std::vector<std::byte>(static_cast<std::size_t>(t.bytes()))};
      file.read_bytes(t, made.bytes);
      tensors[t.name] = std::move(made);
    }
  }

  /// Replaces a tensor with a one-dimensional one of `values`.
  template <class T>
  void set(const std::string& name, const std::vector<T>& values) {
    Tensor made{espalier::dtype_of<T>,
                {static_cast<std::int64_t>(values.size())},
                std::vector<std::byte>(values.size() * sizeof(T))};
    if (!values.empty()) std::memcpy(made.bytes.data(), values.data(), made.bytes.size());
    tensors[name] = std::move(made);
  }

  void write(const std::string& path) const {
    espalier::SafetensorsWriter writer;
    for (const auto& [key, text] : metadata) writer.metadata(key, text);
    for (const auto& [name, t] : tensors)
      writer.add(name, t.dtype, t.shape, std::span<const std::byte>(t.bytes));
    writer.write(path);
  }
};

}  // namespace espalier_test
