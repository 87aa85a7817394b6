// SPDX-License-Identifier: Apache-2.0
// Including this lets a program read .gz files. The one header that needs zlib: link espalier::gzip.
#pragma once

#include <zlib.h>

#include <limits>
#include <string>
#include <string_view>

#include "espalier/data/source.hpp"

namespace espalier {

/// What a gzip file (one or several members) holds. Throws DataError, naming `path`, when it is cut off or corrupt.
[[nodiscard]] inline std::string gunzip(std::string_view bytes, const std::string& path) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw DataError(path + ": zlib could not be started");
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};
  std::string out;
  std::string block(std::size_t{1} << 18U, '\0');
  std::size_t at = 0;
  bool whole = false;
  do {
    constexpr std::size_t most = std::size_t{1} << 30U;
    const std::size_t part = (std::min)(bytes.size() - at, most);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
    stream.avail_in = static_cast<uInt>(part);
    while (stream.avail_in > 0) {
      stream.next_out = reinterpret_cast<Bytef*>(block.data());
      stream.avail_out = static_cast<uInt>(block.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      out.append(block.data(), block.size() - stream.avail_out);
      whole = result == Z_STREAM_END;
      if (whole && stream.avail_in > 0 && inflateReset(&stream) != Z_OK) whole = false;  // another member follows
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        throw DataError(path + ": corrupt gzip data after " + std::to_string(out.size()) + " bytes of content (" +
                        (stream.msg != nullptr ? stream.msg : "unknown cause") + ")");
      }
      if (result == Z_BUF_ERROR && stream.avail_out > 0) break;
    }
    at += part;
  } while (at < bytes.size());
  // What the last call could not put out for want of room.
  while (!whole) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.append(block.data(), block.size() - stream.avail_out);
    whole = result == Z_STREAM_END;
    if (!whole && stream.avail_out > 0) {
      throw DataError(path + ": the gzip data is cut off after " + std::to_string(out.size()) + " bytes of content");
    }
  }
  return out;
}

/// Registers the reader once the program starts.
inline const bool gzip_registered = [] {
  gzip_decompress = &gunzip;
  return true;
}();

}  // namespace espalier
