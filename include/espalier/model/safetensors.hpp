// SPDX-License-Identifier: Apache-2.0
// Named tensors in a file: `SafetensorsWriter` and `SafetensorsFile`, in the layout that Python's `safetensors` reads.
#pragma once

#include <bit>
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

/// A text of the metadata, written with every file and checked when it is there:
/// {"metadata": {key: checksum, …}, "tensor": {name: checksum, …}}.
inline constexpr std::string_view checksums_key = "crc32c";

/// CRC-32C, as 8 hex digits.
[[nodiscard]] inline std::string checksum(std::string_view bytes) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(crc32c(bytes)));
  return digits;
}
[[nodiscard]] inline std::string checksum(std::span<const std::byte> bytes) {
  return checksum(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace safetensors_detail

/// Collects tensors by reference and writes them in one go. What a span points at must live, and stay as it is, until write()
/// is done; names, shapes and metadata are copied.
class SafetensorsWriter {
 public:
  /// A text beside the tensors; both must be UTF-8. Throws CheckpointError otherwise, or when the key is there already, or
  /// "crc32c".
  void metadata(std::string key, std::string value) {
    if (!is_utf8(key) || !is_utf8(value)) {
      throw_error<CheckpointError>({"metadata '", key, "' is not UTF-8: store bytes as a U8 tensor"});
    }
    if (key == safetensors_detail::checksums_key) {
      throw_error<CheckpointError>({"metadata '", key, "' is what the writer keeps its checksums in, expected another key"});
    }
    for (const auto& known : header_.metadata) {
      if (known.first == key) throw_error<CheckpointError>({"metadata '", key, "' is set twice"});
    }
    header_.metadata.emplace_back(std::move(key), std::move(value));
  }

  /// A tensor. Throws CheckpointError when the name is taken, "__metadata__" or no UTF-8, or when the bytes are not as
  /// many as shape and type say.
  ESPALIER_COLD void add(std::string name, Dtype dtype, Shape shape,
                         std::span<const std::byte> bytes) {
    if (name == "__metadata__" || !is_utf8(name)) {
      throw_error<CheckpointError>({"tensor '", name, "': expected a UTF-8 name other than __metadata__"});
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
  /// Of values that the writer keeps.
  template <class T>
  void add_own(std::string name, Shape shape, std::vector<T> values) {
    const auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    add(std::move(name), std::move(shape), std::span<const T>(*kept));
    kept_.push_back(kept);
  }

  /// Writes the file, whole or not at all: a reader never sees half of it. Tensors of wide elements come first, so that
  /// each begins at a multiple of its element's size. Checksums of all tensors and texts go into the metadata. Throws
  /// IoError.
  ESPALIER_COLD void write(const std::string& path) const {
    SafetensorsHeader header;
    header.metadata = header_.metadata;
    std::vector<std::span<const std::byte>> parts;
    Json texts = Json::object(), tensors = Json::object();
    for (const auto& [key, text] : header.metadata) texts.set(key, safetensors_detail::checksum(text));
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
      throw_error<CheckpointError>({path, ": a header of ", head.size() - 8, " bytes, expected at most ",
                                    SafetensorsHeader::max_bytes});
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

/// A file of tensors, its header read and checked, its data read when asked for, straight to where it is wanted. The
/// file stays open: replacing it under the same name does not disturb. What it gives by reference lives as long as it does; of a
/// temporary (`SafetensorsFile(path).metadata("model")`) it gives values. Not for two threads at once.
class SafetensorsFile {
 public:
  /// Throws IoError when the file cannot be read, CheckpointError when it is no well-formed safetensors file, or a text of
  /// its metadata is not what was written.
  ESPALIER_COLD explicit SafetensorsFile(const std::string& path) : file_(path) {
    const std::uint64_t size = file_.size();
    std::string head(static_cast<std::size_t>((std::min)(size, std::uint64_t{64})), '\0');
    file_.read(0, std::as_writable_bytes(std::span(head)));
    std::uint64_t length = 0;
    for (unsigned i = 0; i < 8 && i < head.size(); ++i) {
      length |= std::uint64_t{static_cast<unsigned char>(head[i])} << (8 * i);
    }
    if (size < 8 || length > SafetensorsHeader::max_bytes || (size > 8 && head[8] != '{')) {
      throw_error<CheckpointError>({path, ": not a safetensors file: ",
                                    (size == 0 ? "it is empty" : "it begins like " + file_kind(head))});
    }
    if (length > size - 8) {
      throw_error<CheckpointError>({path, ": cut off: the header ends at byte ", 8 + length, ", the file at byte ", size});
    }
    std::string json(static_cast<std::size_t>(length), '\0');
    file_.read(8, std::as_writable_bytes(std::span(json)));
    header_ = SafetensorsHeader::parse(json, size - 8 - length, path);
    header_.data_start = 8 + length;
    take_checksums();
  }

  [[nodiscard]] const std::string& path() const& noexcept { return file_.path(); }
  [[nodiscard]] std::string path() && { return file_.path(); }
  /// In the order of their data.
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const& noexcept { return header_.tensors; }
  [[nodiscard]] std::vector<TensorInfo> tensors() && noexcept { return std::move(header_.tensors); }

  /// Null when there is none of that name.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const& noexcept {
    for (const TensorInfo& tensor : header_.tensors) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }
  const TensorInfo* find(std::string_view name) const&& = delete;
  /// Throws CheckpointError when there is none.
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
  /// Null when there is none of that key.
  [[nodiscard]] const std::string* find_metadata(std::string_view key) const& noexcept {
    for (const auto& [known, text] : header_.metadata) {
      if (known == key) return &text;
    }
    return nullptr;
  }
  const std::string* find_metadata(std::string_view key) const&& = delete;
  /// Throws CheckpointError when there is none.
  [[nodiscard]] std::string metadata(std::string_view key) && { return std::as_const(*this).metadata(key); }
  [[nodiscard]] const std::string& metadata(std::string_view key) const& {
    if (const std::string* found = find_metadata(key)) return *found;
    throw_error<CheckpointError>({path(), ": expected metadata '", key, "', found none"});
  }

  /// Fills `out` with a tensor. Throws CheckpointError, naming both, unless type and shape are those expected.
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

  /// All values of a tensor, whatever its shape. Throws CheckpointError unless its type is `T`'s.
  template <class T>
  [[nodiscard]] std::vector<T> values(std::string_view name) const {
    const TensorInfo& tensor = at(name);
    require(tensor, dtype_of<T>);
    std::vector<T> out(static_cast<std::size_t>(tensor.elements()));
    read_bytes(tensor, std::as_writable_bytes(std::span(out)));
    return out;
  }

  /// The bytes of a tensor of any type; `out` must have room for exactly those. Throws CheckpointError, as all that read a
  /// tensor do, when they are not what was written.
  void read_bytes(const TensorInfo& tensor, std::span<std::byte> out) const {
    if (out.size() != tensor.bytes()) {
      throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' has ", tensor.bytes(),
                                    " bytes, expected ", out.size()});
    }
    file_.read(header_.data_start + tensor.begin, out);
    check("tensor", tensor.name, out);
  }

 private:
  /// Out of the metadata, which has only the texts of whoever wrote the file; those are checked.
  ESPALIER_COLD void take_checksums() {
    const std::string* const text = find_metadata(safetensors_detail::checksums_key);
    if (text == nullptr) return;
    try {
      checksums_ = Json::parse(*text);
    } catch (const DataError& error) {
      throw_error<CheckpointError>({path(), ": metadata '", safetensors_detail::checksums_key, "': ", error.what()});
    }
    std::erase_if(header_.metadata, [](const auto& entry) { return entry.first == safetensors_detail::checksums_key; });
    // A checksum of no tensor, or none of one, is as bad as a wrong one.
    std::size_t listed = 0;
    for (const char* const kind : {"tensor", "metadata"}) {
      const Json* const known = checksums_.find(kind);
      listed += known == nullptr ? 0 : known->size();
    }
    if (listed != header_.tensors.size() + header_.metadata.size()) damaged("lists", std::to_string(listed));
    for (const TensorInfo& tensor : header_.tensors) static_cast<void>(expected_of("tensor", tensor.name));
    for (const auto& [key, value] : header_.metadata) check("metadata", key, std::as_bytes(std::span(value)));
  }

  [[noreturn]] ESPALIER_COLD void damaged(const std::string& what, const std::string& found) const {
    throw_error<CheckpointError>({path(), ": metadata '", safetensors_detail::checksums_key, "' ", what, " ", found, ", expected ",
                                  header_.tensors.size(), " tensors and ", header_.metadata.size(),
                                  " texts: the file is damaged; where it was changed on purpose, leave that metadata out"});
  }

  /// Throws CheckpointError where there is none.
  [[nodiscard]] ESPALIER_COLD const Json& expected_of(std::string_view kind, const std::string& name) const {
    const Json* const known = checksums_.find(kind);
    const Json* const expected = known == nullptr ? nullptr : known->find(name);
    if (expected == nullptr) damaged("lacks", "the " + std::string(kind) + " '" + name + "'");
    return *expected;
  }

  /// Throws CheckpointError unless `bytes` are those that `kind` 'name' was written with; in a file without checksums they are
  /// taken as they are.
  ESPALIER_COLD void check(std::string_view kind, const std::string& name, std::span<const std::byte> bytes) const {
    if (checksums_.is_null()) return;
    const Json* const expected = &expected_of(kind, name);
    const std::string found = safetensors_detail::checksum(bytes);
    if (expected->is_string() && expected->as_string() == found) return;
    throw_error<CheckpointError>({path(), ": ", kind, " '", name, "' is damaged: its CRC-32C is \"", found, "\", expected ",
                                  expected->dump(), "; where it was changed on purpose, leave metadata '",
                                  safetensors_detail::checksums_key, "' out"});
  }

  void require(const TensorInfo& tensor, Dtype expected) const {
    if (tensor.dtype == expected) return;
    throw_error<CheckpointError>({path(), ": tensor '", tensor.name, "' is ", dtype_name(tensor.dtype),
                                  ", expected ", dtype_name(expected)});
  }

  InputFile file_;
  SafetensorsHeader header_;
  Json checksums_;
};

}  // namespace espalier
