// SPDX-License-Identifier: Apache-2.0
// Definitions of safetensors.hpp.
#pragma once

#include "espalier/model/safetensors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/crc32c.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/file_kind.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/model/safetensors_header.hpp"

namespace espalier {

namespace safetensors_detail {

/// Metadata key of the checksums. Written to every file, and verified on reading if present:
/// {"metadata": {key: checksum, …}, "tensor": {name: checksum, …}}.
inline constexpr std::string_view checksums_key = "crc32c";

/// CRC-32C as 8 hex digits.
[[nodiscard]] inline std::string checksum(std::string_view bytes) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(crc32c(bytes)));
  return digits;
}

[[nodiscard]] inline std::string checksum(std::span<const std::byte> bytes) {
  return checksum(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace safetensors_detail

ESPALIER_INLINE void SafetensorsWriter::metadata(std::string key, std::string value) {
  if (!is_utf8(key) || !is_utf8(value)) {
    throw_error<CheckpointError>({"metadata '", key, "' is not UTF-8: store bytes as a U8 tensor"});
  }
  if (key == safetensors_detail::checksums_key) {
    throw_error<CheckpointError>(
        {"metadata '", key, "' is what the writer keeps its checksums in, expected another key"});
  }
  for (const auto& known : header_.metadata) {
    if (known.first == key) throw_error<CheckpointError>({"metadata '", key, "' is set twice"});
  }
  header_.metadata.emplace_back(std::move(key), std::move(value));
}

ESPALIER_COLD ESPALIER_INLINE void SafetensorsWriter::add(std::string name, Dtype dtype,
                                                          Shape shape,
                                                          std::span<const std::byte> bytes) {
  if (name == "__metadata__" || !is_utf8(name)) {
    throw_error<CheckpointError>(
        {"tensor '", name, "': expected a UTF-8 name other than __metadata__"});
  }
  std::uint64_t expected = 0;
  if (!safetensors_detail::byte_count(shape, dtype, expected) || expected != bytes.size()) {
    throw_error<CheckpointError>({"tensor '", name, "': ", bytes.size(), " bytes do not fill ",
                                  dtype_name(dtype), " ", to_string(shape)});
  }
  for (const TensorInfo& known : header_.tensors) {
    if (known.name == name) throw_error<CheckpointError>({"tensor '", name, "' is added twice"});
  }
  header_.tensors.push_back({std::move(name), dtype, std::move(shape), 0, 0});
  data_.push_back(bytes);
}

ESPALIER_COLD ESPALIER_INLINE void SafetensorsWriter::write(const std::string& path) const {
  SafetensorsHeader header;
  header.metadata = header_.metadata;
  std::vector<std::span<const std::byte>> parts;
  Json texts = Json::object(), tensors = Json::object();
  for (const auto& [key, text] : header.metadata)
    texts.set(key, safetensors_detail::checksum(text));
  std::uint64_t at = 0;
  for (std::size_t size = 8; size > 0; size /= 2) {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      if (dtype_size(header_.tensors[i].dtype) != size) continue;
      header.tensors.push_back(header_.tensors[i]);
      header.tensors.back().begin = at;
      parts.push_back(data_[i]);
      at = header.tensors.back().end = at + data_[i].size();
      tensors.set(header_.tensors[i].name, safetensors_detail::checksum(data_[i]));
    }
  }
  Json checksums = Json::object();
  checksums.set("metadata", std::move(texts)).set("tensor", std::move(tensors));
  header.metadata.emplace_back(safetensors_detail::checksums_key, checksums.dump());
  const std::string head = header.dump();
  if (head.size() - 8 > SafetensorsHeader::max_bytes) {
    throw_error<CheckpointError>({path, ": a header of ", head.size() - 8,
                                  " bytes, expected at most ", SafetensorsHeader::max_bytes});
  }
  write_file_atomically(path, [&](OutputFile& out) {
    out.write(head);
    for (const std::span<const std::byte> part : parts) out.write(part);
  });
}

ESPALIER_COLD ESPALIER_INLINE SafetensorsFile::SafetensorsFile(const std::string& path)
    : file_(path) {
  const std::uint64_t size = file_.size();
  std::string head(static_cast<std::size_t>((std::min)(size, std::uint64_t{64})), '\0');
  file_.read(0, std::as_writable_bytes(std::span(head)));
  std::uint64_t length = 0;
  for (unsigned i = 0; i < 8 && i < head.size(); ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(head[i])} << (8 * i);
  }
  if (size < 8 || length > SafetensorsHeader::max_bytes || (size > 8 && head[8] != '{')) {
    throw_error<CheckpointError>(
        {path, ": not a safetensors file: ",
         (size == 0 ? "it is empty" : "it begins like " + file_kind(head))});
  }
  if (length > size - 8) {
    throw_error<CheckpointError>(
        {path, ": cut off: the header ends at byte ", 8 + length, ", the file at byte ", size});
  }
  std::string json(static_cast<std::size_t>(length), '\0');
  file_.read(8, std::as_writable_bytes(std::span(json)));
  header_ = SafetensorsHeader::parse(json, size - 8 - length, path);
  header_.data_start = 8 + length;
  take_checksums();
}

ESPALIER_INLINE const TensorInfo* SafetensorsFile::find(std::string_view name) const& noexcept {
  for (const TensorInfo& tensor : header_.tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

ESPALIER_INLINE const TensorInfo& SafetensorsFile::at(std::string_view name) const& {
  if (const TensorInfo* found = find(name)) return *found;
  throw_error<CheckpointError>({path(), ": expected a tensor '", name, "', found none"});
}

ESPALIER_INLINE const std::string* SafetensorsFile::find_metadata(
    std::string_view key) const& noexcept {
  for (const auto& [known, text] : header_.metadata) {
    if (known == key) return &text;
  }
  return nullptr;
}

ESPALIER_INLINE const std::string& SafetensorsFile::metadata(std::string_view key) const& {
  if (const std::string* found = find_metadata(key)) return *found;
  throw_error<CheckpointError>({path(), ": expected metadata '", key, "', found none"});
}

ESPALIER_INLINE void SafetensorsFile::read_bytes(const TensorInfo& tensor,
                                                 std::span<std::byte> out) const {
  if (out.size() != tensor.bytes()) {
    throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' has ", tensor.bytes(),
                                  " bytes, expected ", out.size()});
  }
  file_.read(header_.data_start + tensor.begin, out);
  check("tensor", tensor.name, out);
}

ESPALIER_COLD ESPALIER_INLINE void SafetensorsFile::take_checksums() {
  const std::string* const text = find_metadata(safetensors_detail::checksums_key);
  if (text == nullptr) return;
  try {
    checksums_ = Json::parse(*text);
  } catch (const DataError& error) {
    throw_error<CheckpointError>(
        {path(), ": metadata '", safetensors_detail::checksums_key, "': ", error.what()});
  }
  std::erase_if(header_.metadata,
                [](const auto& entry) { return entry.first == safetensors_detail::checksums_key; });
  // A checksum without its tensor or entry, or a missing checksum, is an error too.
  std::size_t listed = 0;
  for (const char* const kind : {"tensor", "metadata"}) {
    const Json* const known = checksums_.find(kind);
    listed += known == nullptr ? 0 : known->size();
  }
  if (listed != header_.tensors.size() + header_.metadata.size())
    damaged("lists", std::to_string(listed));
  for (const TensorInfo& tensor : header_.tensors)
    static_cast<void>(expected_of("tensor", tensor.name));
  for (const auto& [key, value] : header_.metadata)
    check("metadata", key, std::as_bytes(std::span(value)));
}

ESPALIER_COLD ESPALIER_INLINE void SafetensorsFile::damaged(const std::string& what,
                                                            const std::string& found) const {
  throw_error<CheckpointError>(
      {path(), ": metadata '", safetensors_detail::checksums_key, "' ", what, " ", found,
       ", expected ", header_.tensors.size(), " tensors and ", header_.metadata.size(),
       " texts: the file is damaged; where it was changed on purpose, leave that metadata out"});
}

ESPALIER_COLD ESPALIER_INLINE const Json& SafetensorsFile::expected_of(
    std::string_view kind, const std::string& name) const {
  const Json* const known = checksums_.find(kind);
  const Json* const expected = known == nullptr ? nullptr : known->find(name);
  if (expected == nullptr) damaged("lacks", "the " + std::string(kind) + " '" + name + "'");
  return *expected;
}

ESPALIER_COLD ESPALIER_INLINE void SafetensorsFile::check(std::string_view kind,
                                                          const std::string& name,
                                                          std::span<const std::byte> bytes) const {
  if (checksums_.is_null()) return;
  const Json* const expected = &expected_of(kind, name);
  const std::string found = safetensors_detail::checksum(bytes);
  if (expected->is_string() && expected->as_string() == found) return;
  throw_error<CheckpointError>({path(), ": ", kind, " '", name, "' is damaged: its CRC-32C is \"",
                                found, "\", expected ", expected->dump(),
                                "; where it was changed on purpose, leave metadata '",
                                safetensors_detail::checksums_key, "' out"});
}

ESPALIER_INLINE void SafetensorsFile::require(const TensorInfo& tensor, Dtype expected) const {
  if (tensor.dtype == expected) return;
  throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' is ",
                                dtype_name(tensor.dtype), ", expected ", dtype_name(expected)});
}

}  // namespace espalier
