// SPDX-License-Identifier: Apache-2.0
// `ByteSource`: bytes read in blocks, from a file (plain or compressed) or from memory.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"

namespace espalier {

/// A sequential stream of bytes.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// Fills `out` and returns the number of bytes read; fewer than out.size() only at the end of the
  /// stream. Throws IoError, DataError.
  virtual std::size_t read(std::span<char> out) = 0;
};

/// A text in memory. Refers to it, does not own it; it must outlive this object.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : rest_(text) {}

  std::size_t read(std::span<char> out) override {
    const std::size_t n = (std::min)(out.size(), rest_.size());
    if (n > 0) std::memcpy(out.data(), rest_.data(), n);
    rest_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view rest_;
};

/// The bytes of a file, unchanged. Throws IoError if it cannot be opened.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::string& path) : file_(path) {}

  std::size_t read(std::span<char> out) override {
    const auto n = static_cast<std::size_t>(
        (std::min)(static_cast<std::uint64_t>(out.size()), file_.size() - at_));
    file_.read(at_, std::as_writable_bytes(out.first(n)));
    at_ += n;
    return n;
  }

 private:
  InputFile file_;
  std::uint64_t at_ = 0;
};

/// Converts ISO 8859-1 bytes to UTF-8.
class Latin1Source final : public ByteSource {
 public:
  explicit Latin1Source(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {}

  std::size_t read(std::span<char> out) override {
    std::size_t made = 0;
    for (; made < out.size(); ++made) {
      if (second_ != '\0') {
        out[made] = std::exchange(second_, '\0');
        continue;
      }
      if (at_ == size_) {
        size_ = bytes_->read(block_);
        at_ = 0;
        if (size_ == 0) break;
      }
      out[made] = block_[at_++];
      const auto byte = static_cast<unsigned char>(out[made]);
      if (byte < 0x80) continue;
      out[made] = static_cast<char>(0xC0U | byte >> 6U);
      second_ = static_cast<char>(0x80U | (byte & 0x3FU));
    }
    return made;
  }

 private:
  std::unique_ptr<ByteSource> bytes_;
  std::array<char, std::size_t{1} << 14U> block_{};
  std::size_t at_ = 0, size_ = 0;
  char second_ = '\0';  ///< pending second byte of a two-byte character
};

/// Makes a source of the decompressed bytes; `path` is for messages.
using GzipOpener = std::unique_ptr<ByteSource> (*)(std::unique_ptr<ByteSource> compressed,
                                                   const std::string& path);

/// Set if any file of the program includes espalier/data/gzip.hpp: the library itself does not need
/// zlib.
inline std::atomic<GzipOpener> gzip_opener{nullptr};

/// The content of a file; decompressed if its name ends in .gz or it starts with the gzip magic
/// bytes. Throws IoError.
[[nodiscard]] ESPALIER_COLD inline std::unique_ptr<ByteSource> open_source(
    const std::string& path) {
  char magic[2] = {};
  const bool marked = FileSource(path).read(magic) == 2 && magic[0] == '\x1f' && magic[1] == '\x8b';
  auto bytes = std::make_unique<FileSource>(path);
  if (!marked && !path.ends_with(".gz")) return bytes;
  const GzipOpener open = gzip_opener;
  if (open == nullptr) {
    throw_error<IoError>({path,
                          ": compressed; include <espalier/data/gzip.hpp> and link zlib (target "
                          "espalier::gzip)"});
  }
  return open(std::move(bytes), path);
}

}  // namespace espalier
