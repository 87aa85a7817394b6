// SPDX-License-Identifier: Apache-2.0
// Including this header lets a program read .gz files. It is the only one that needs zlib: link
// espalier::gzip.
#pragma once

#if !__has_include(<zlib.h>)
#error \
    "espalier: espalier/data/gzip.hpp needs zlib: install it (zlib1g-dev, zlib-devel) and link the CMake target espalier::gzip"
#endif
#include <zlib.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/source.hpp"

namespace espalier {

/// Decompresses gzip data: one or several concatenated members (RFC 1952). Zeros after a member are
/// padding, as on tapes, and are skipped.
class GzipSource final : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> compressed, std::string path)
      : compressed_(std::move(compressed)), path_(std::move(path)), block_(std::size_t{1} << 16U) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK)
      throw_error<IoError>({path_, ": zlib cannot be started"});
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  /// Throws DataError if the data is corrupt or truncated.
  std::size_t read(std::span<char> out) override {
    std::size_t made = 0;
    while (made < out.size()) {
      if (stream_.avail_in == 0) {
        stream_.avail_in = static_cast<uInt>(compressed_->read(block_));
        more_ = stream_.avail_in > 0;
        stream_.next_in = reinterpret_cast<Bytef*>(block_.data());
      }
      if (member_ended_) {
        for (; stream_.avail_in > 0 && *stream_.next_in == 0; --stream_.avail_in) ++stream_.next_in;
        if (stream_.avail_in == 0 && more_) continue;
        if (stream_.avail_in == 0) break;
        if (inflateReset(&stream_) != Z_OK) fail("corrupt gzip data");
        member_ended_ = false;
      }
      const std::size_t room = (std::min)(out.size() - made, std::size_t{1} << 30U);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + made);
      stream_.avail_out = static_cast<uInt>(room);
      const bool starved = stream_.avail_in == 0;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t fresh = room - stream_.avail_out;
      made += fresh;
      total_ += fresh;
      if (result == Z_STREAM_END) {
        member_ended_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail("corrupt gzip data");
      } else if (starved && fresh == 0) {
        fail("gzip data cut off");
      }
    }
    return made;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw_error<DataError>({path_, ": ", what, " after ", total_, " bytes of content",
                            (stream_.msg != nullptr ? std::string(" (") + stream_.msg + ")" : "")});
  }

  std::unique_ptr<ByteSource> compressed_;
  std::string path_;
  std::vector<char> block_;
  z_stream stream_{};
  std::uint64_t total_ = 0;
  bool member_ended_ = false, more_ = true;
};

/// Registers the gzip reader when the program starts.
inline const bool gzip_registered = [] {
  gzip_opener = [](std::unique_ptr<ByteSource> compressed,
                   const std::string& path) -> std::unique_ptr<ByteSource> {
    return std::make_unique<GzipSource>(std::move(compressed), path);
  };
  return true;
}();

}  // namespace espalier
