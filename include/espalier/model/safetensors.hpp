// SPDX-License-Identifier: Apache-2.0
// `SafetensorsWriter` and `SafetensorsFile`: files of named tensors in the format of Python's
// `safetensors`.
#pragma once

#include <bit>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/crc32c.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/file_kind.hpp"
#include "espalier/core/json_parser.hpp"
#include "espalier/model/safetensors_header.hpp"

namespace espalier {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian; this machine is not");

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

/// Collects references to tensors and writes them all at once. The data of a span must stay alive
/// and unchanged until write() returns; names, shapes and metadata are copied.
class SafetensorsWriter {
 public:
  /// Adds a metadata entry; key and value must be UTF-8. Throws CheckpointError if they are not, or
  /// if the key is already set or is "crc32c".
  void metadata(std::string key, std::string value) {
    if (!is_utf8(key) || !is_utf8(value)) {
      throw_error<CheckpointError>(
          {"metadata '", key, "' is not UTF-8: store bytes as a U8 tensor"});
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

  /// Adds a tensor. Throws CheckpointError if the name is taken, is "__metadata__" or is not UTF-8,
  /// or if the number of bytes does not match shape and type.
  ESPALIER_COLD void add(std::string name, Dtype dtype, Shape shape,
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

  template <class T>
  void add(std::string name, Shape shape, std::span<const T> values) {
    add(std::move(name), dtype_of<T>, std::move(shape), std::as_bytes(values));
  }
  /// Adds a tensor whose values the writer owns.
  template <class T>
  void add_own(std::string name, Shape shape, std::vector<T> values) {
    const auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    add(std::move(name), std::move(shape), std::span<const T>(*kept));
    kept_.push_back(kept);
  }

  /// Writes the file atomically: a reader never sees a partial file. Tensors with wide elements
  /// come first, so that each begins at a multiple of its element size. The checksums of all
  /// tensors and metadata entries are added to the metadata. Throws IoError; CheckpointError if the
  /// header is too large.
  ESPALIER_COLD void write(const std::string& path) const {
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

 private:
  SafetensorsHeader header_;
  std::vector<std::span<const std::byte>> data_;
  std::vector<std::shared_ptr<const void>> kept_;
};

/// Reads a tensor file: the header is read and verified at construction, tensor data on request,
/// directly into the caller's buffer. The file stays open: replacing it under the same name has no
/// effect on this object. References that it returns are valid as long as it lives; on a temporary
/// (`SafetensorsFile(path).metadata("model")`) the accessors return values. Not thread-safe.
class SafetensorsFile {
 public:
  /// Throws IoError if the file cannot be read; CheckpointError if it is not a well-formed
  /// safetensors file, or if its metadata does not match the checksums.
  ESPALIER_COLD explicit SafetensorsFile(const std::string& path) : file_(path) {
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

  [[nodiscard]] const std::string& path() const& noexcept { return file_.path(); }
  [[nodiscard]] std::string path() && { return file_.path(); }
  /// In the order of their data in the file.
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const& noexcept { return header_.tensors; }
  [[nodiscard]] std::vector<TensorInfo> tensors() && noexcept { return std::move(header_.tensors); }

  /// Returns null if there is no tensor of that name.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const& noexcept {
    for (const TensorInfo& tensor : header_.tensors) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }
  const TensorInfo* find(std::string_view name) const&& = delete;
  /// Throws CheckpointError if there is no tensor of that name.
  [[nodiscard]] TensorInfo at(std::string_view name) && { return std::as_const(*this).at(name); }
  [[nodiscard]] const TensorInfo& at(std::string_view name) const& {
    if (const TensorInfo* found = find(name)) return *found;
    throw_error<CheckpointError>({path(), ": expected a tensor '", name, "', found none"});
  }

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& metadata() const& noexcept {
    return header_.metadata;
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> metadata() && noexcept {
    return std::move(header_.metadata);
  }
  /// Returns null if there is no entry with that key.
  [[nodiscard]] const std::string* find_metadata(std::string_view key) const& noexcept {
    for (const auto& [known, text] : header_.metadata) {
      if (known == key) return &text;
    }
    return nullptr;
  }
  const std::string* find_metadata(std::string_view key) const&& = delete;
  /// Throws CheckpointError if there is no entry with that key.
  [[nodiscard]] std::string metadata(std::string_view key) && {
    return std::as_const(*this).metadata(key);
  }
  [[nodiscard]] const std::string& metadata(std::string_view key) const& {
    if (const std::string* found = find_metadata(key)) return *found;
    throw_error<CheckpointError>({path(), ": expected metadata '", key, "', found none"});
  }

  /// Reads a tensor into `out`. Throws CheckpointError, naming both, unless type and shape are as
  /// expected.
  template <class T>
  void read(std::string_view name, const Shape& shape, std::span<T> out) const {
    const TensorInfo& tensor = at(name);
    require(tensor, dtype_of<T>);
    if (tensor.shape != shape || tensor.elements() != out.size()) {
      throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' has shape ",
                                    to_string(tensor.shape), ", expected ", to_string(shape), " (",
                                    out.size(), " values)"});
    }
    read_bytes(tensor, std::as_writable_bytes(out));
  }

  /// Returns all values of a tensor of any shape. Throws CheckpointError unless its type is that of
  /// `T`.
  template <class T>
  [[nodiscard]] std::vector<T> values(std::string_view name) const {
    const TensorInfo& tensor = at(name);
    require(tensor, dtype_of<T>);
    std::vector<T> out(static_cast<std::size_t>(tensor.elements()));
    read_bytes(tensor, std::as_writable_bytes(std::span(out)));
    return out;
  }

  /// Reads the bytes of a tensor of any type; `out` must have exactly that size. Like all functions
  /// that read a tensor, throws CheckpointError if the bytes do not match their checksum.
  void read_bytes(const TensorInfo& tensor, std::span<std::byte> out) const {
    if (out.size() != tensor.bytes()) {
      throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' has ", tensor.bytes(),
                                    " bytes, expected ", out.size()});
    }
    file_.read(header_.data_start + tensor.begin, out);
    check("tensor", tensor.name, out);
  }

 private:
  /// Moves the checksums out of the metadata, which then has only the caller's entries, and
  /// verifies those.
  ESPALIER_COLD void take_checksums() {
    const std::string* const text = find_metadata(safetensors_detail::checksums_key);
    if (text == nullptr) return;
    try {
      checksums_ = Json::parse(*text);
    } catch (const DataError& error) {
      throw_error<CheckpointError>(
          {path(), ": metadata '", safetensors_detail::checksums_key, "': ", error.what()});
    }
    std::erase_if(header_.metadata, [](const auto& entry) {
      return entry.first == safetensors_detail::checksums_key;
    });
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

  [[noreturn]] ESPALIER_COLD void damaged(const std::string& what, const std::string& found) const {
    throw_error<CheckpointError>(
        {path(), ": metadata '", safetensors_detail::checksums_key, "' ", what, " ", found,
         ", expected ", header_.tensors.size(), " tensors and ", header_.metadata.size(),
         " texts: the file is damaged; where it was changed on purpose, leave that metadata out"});
  }

  /// Throws CheckpointError if there is no checksum.
  [[nodiscard]] ESPALIER_COLD const Json& expected_of(std::string_view kind,
                                                      const std::string& name) const {
    const Json* const known = checksums_.find(kind);
    const Json* const expected = known == nullptr ? nullptr : known->find(name);
    if (expected == nullptr) damaged("lacks", "the " + std::string(kind) + " '" + name + "'");
    return *expected;
  }

  /// Throws CheckpointError unless the checksum of `bytes` is that stored for `kind` 'name'. Does
  /// nothing for a file without checksums.
  ESPALIER_COLD void check(std::string_view kind, const std::string& name,
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

  void require(const TensorInfo& tensor, Dtype expected) const {
    if (tensor.dtype == expected) return;
    throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' is ",
                                  dtype_name(tensor.dtype), ", expected ", dtype_name(expected)});
  }

  InputFile file_;
  SafetensorsHeader header_;
  Json checksums_;
};

}  // namespace espalier
