// SPDX-License-Identifier: Apache-2.0
// An accepted header describes tensors that fill the data exactly, and it reads back unchanged
// after writing; any other input throws one CheckpointError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "espalier/model/safetensors.hpp"

using espalier::SafetensorsHeader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The format that SafetensorsFile reads, in memory: 8 bytes of header length, the header, the
  // data.
  if (size < 8) return 0;
  std::uint64_t length = 0;
  for (unsigned i = 0; i < 8; ++i) length |= std::uint64_t{data[i]} << (8 * i);
  if (length > size - 8) length = size - 8;
  const std::string_view json(reinterpret_cast<const char*>(data) + 8,
                              static_cast<std::size_t>(length));
  const std::uint64_t data_bytes = size - 8 - length;
  SafetensorsHeader header;
  try {
    header = SafetensorsHeader::parse(json, data_bytes, "input");
  } catch (const espalier::CheckpointError&) {
    return 0;
  }
  std::uint64_t at = 0;
  for (const espalier::TensorInfo& tensor : header.tensors) {
    if (tensor.begin != at || tensor.end < at || tensor.end > data_bytes) std::abort();
    if (tensor.elements() * dtype_size(tensor.dtype) != tensor.bytes()) std::abort();
    at = tensor.end;
  }
  if (at != data_bytes) std::abort();
  const std::string written = header.dump();
  if (written.size() % 64 != 0) std::abort();
  const SafetensorsHeader again =
      SafetensorsHeader::parse(std::string_view(written).substr(8), data_bytes, "written");
  if (again.tensors.size() != header.tensors.size() || again.metadata != header.metadata)
    std::abort();
  if (again.dump() != written) std::abort();
  return 0;
}
