// SPDX-License-Identifier: Apache-2.0
// `SafetensorsWriter` and `SafetensorsFile`: files of named tensors in the format of Python's
// `safetensors`.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/model/safetensors_header.hpp"

namespace espalier {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian; this machine is not");

/// Collects references to tensors and writes them all at once. The data of a span must stay alive
/// and unchanged until write() returns; names, shapes and metadata are copied.
class SafetensorsWriter {
 public:
  /// Adds a metadata entry; key and value must be UTF-8. Throws CheckpointError if they are not, or
  /// if the key is already set or is "crc32c".
  void metadata(std::string key, std::string value);

  /// Adds a tensor. Throws CheckpointError if the name is taken, is "__metadata__" or is not UTF-8,
  /// or if the number of bytes does not match shape and type.
  void add(std::string name, Dtype dtype, Shape shape, std::span<const std::byte> bytes);

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
  void write(const std::string& path) const;

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
  explicit SafetensorsFile(const std::string& path);

  [[nodiscard]] const std::string& path() const& noexcept { return file_.path(); }
  [[nodiscard]] std::string path() && { return file_.path(); }
  /// In the order of their data in the file.
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const& noexcept { return header_.tensors; }
  [[nodiscard]] std::vector<TensorInfo> tensors() && noexcept { return std::move(header_.tensors); }

  /// Returns null if there is no tensor of that name.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const& noexcept;
  const TensorInfo* find(std::string_view name) const&& = delete;
  /// Throws CheckpointError if there is no tensor of that name.
  [[nodiscard]] TensorInfo at(std::string_view name) && { return std::as_const(*this).at(name); }
  [[nodiscard]] const TensorInfo& at(std::string_view name) const&;

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& metadata() const& noexcept {
    return header_.metadata;
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> metadata() && noexcept {
    return std::move(header_.metadata);
  }
  /// Returns null if there is no entry with that key.
  [[nodiscard]] const std::string* find_metadata(std::string_view key) const& noexcept;
  const std::string* find_metadata(std::string_view key) const&& = delete;
  /// Throws CheckpointError if there is no entry with that key.
  [[nodiscard]] std::string metadata(std::string_view key) && {
    return std::as_const(*this).metadata(key);
  }
  [[nodiscard]] const std::string& metadata(std::string_view key) const&;

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
  void read_bytes(const TensorInfo& tensor, std::span<std::byte> out) const;

 private:
  /// Moves the checksums out of the metadata, which then has only the caller's entries, and
  /// verifies those.
  void take_checksums();

  [[noreturn]] void damaged(const std::string& what, const std::string& found) const;

  /// Throws CheckpointError if there is no checksum.
  [[nodiscard]] const Json& expected_of(std::string_view kind, const std::string& name) const;

  /// Throws CheckpointError unless the checksum of `bytes` is that stored for `kind` 'name'. Does
  /// nothing for a file without checksums.
  void check(std::string_view kind, const std::string& name,
             std::span<const std::byte> bytes) const;

  void require(const TensorInfo& tensor, Dtype expected) const;

  InputFile file_;
  SafetensorsHeader header_;
  Json checksums_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/safetensors_definitions.hpp"
#endif
