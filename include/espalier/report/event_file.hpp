// SPDX-License-Identifier: Apache-2.0
// TensorBoard event files: `EventFile` writes scalars, `read_event_file` reads them back.
//
//   record   length (u64) · masked CRC-32C of length (u32) · Event · masked CRC-32C of Event (u32)
//   Event    1: wall time (double) · 2: step (int64) · 3: file version (text) · 5: Summary ·
//            7: SessionLog
//   Summary  1: Value { 1: tag (text) · 2: simple value (float) }, repeated
//
// All little-endian; Event, Summary and SessionLog are protocol buffers (event.proto and
// summary.proto of TensorFlow).
#pragma once

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/crc32c.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

struct ScalarEvent {
  std::string tag;
  float value = 0;
};

/// One record of an event file.
struct Event {
  double wall_time = 0;  ///< seconds since 1970
  std::int64_t step = 0;
  std::string file_version;  ///< "brain.Event:2" in the first record of a file, else empty
  std::vector<ScalarEvent> scalars;
  /// A run starts: data of earlier files of the folder from `step` on is invalid.
  bool session_start = false;
};

struct EventLog {
  std::vector<Event> events;
  /// The last record is incomplete: the writer was killed or is still writing.
  bool cut_off = false;
};

namespace event_detail {

template <class T>
void put_fixed(std::string& out, T value) {
  const auto bits = std::bit_cast<std::array<unsigned char, sizeof(T)>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = std::endian::native == std::endian::little ? i : sizeof(T) - 1 - i;
    out += static_cast<char>(bits[at]);
  }
}

template <class T>
[[nodiscard]] T get_fixed(std::string_view bytes) {
  std::array<unsigned char, sizeof(T)> bits{};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = std::endian::native == std::endian::little ? i : sizeof(T) - 1 - i;
    bits[at] = static_cast<unsigned char>(bytes[i]);
  }
  return std::bit_cast<T>(bits);
}

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

/// The wire types of protocol buffers that are used here.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

inline void put_key(std::string& out, unsigned field, Wire wire) {
  put_varint(out, (std::uint64_t{field} << 3U) | static_cast<std::uint64_t>(wire));
}
inline void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

/// CRC-32C, rotated and offset by a constant, so that the checksum stays useful for data that
/// contains checksums.
[[nodiscard]] inline std::uint32_t masked_crc(std::string_view bytes) noexcept {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
}

/// Replaces invalid UTF-8 by U+FFFD: protocol buffers reject a record that contains it.
[[nodiscard]] ESPALIER_COLD inline std::string valid_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      append_utf8(out, 0xFFFD);
    } else {
      out.append(text, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

[[nodiscard]] inline std::string encode(const Event& event) {
  std::string out;
  put_key(out, 1, Wire::fixed64);
  put_fixed(out, event.wall_time);
  if (event.step != 0) {
    put_key(out, 2, Wire::varint);
    put_varint(out, static_cast<std::uint64_t>(event.step));
  }
  if (!event.file_version.empty()) put_bytes(out, 3, event.file_version);
  if (!event.scalars.empty()) {
    std::string summary;
    for (const ScalarEvent& scalar : event.scalars) {
      std::string value;
      put_bytes(value, 1, scalar.tag);
      put_key(value, 2, Wire::fixed32);
      put_fixed(value, scalar.value);
      put_bytes(summary, 1, value);
    }
    put_bytes(out, 5, summary);
  }
  if (event.session_start) {
    std::string log;
    put_key(log, 1, Wire::varint);
    put_varint(log, 1);  // SessionLog.START
    put_bytes(out, 7, log);
  }
  return out;
}

[[nodiscard]] inline std::string frame(std::string_view data) {
  std::string out;
  put_fixed(out, static_cast<std::uint64_t>(data.size()));
  put_fixed(out, masked_crc(out));
  out += data;
  put_fixed(out, masked_crc(data));
  return out;
}

}  // namespace event_detail

/// One event file in a folder; TensorBoard shows all files of a folder as one run. Every record is
/// written as a whole and flushed at once, so a killed run loses no record.
class EventFile {
 public:
  /// Creates `folder` (with its parents) and a new file in it. The file begins with a version
  /// record and a session-start record at `first_step`, the first step that it may write (for a
  /// resumed run, the step that it repeats): TensorBoard then drops the data of earlier files from
  /// there on. Its server does so only from the second session start of a folder on, so the first
  /// file has one too. Throws IoError.
  ESPALIER_COLD explicit EventFile(const std::string& folder, std::int64_t first_step = 0) {
    make_folders(folder);
    const double now = wall_time();
    const std::string stem = folder + (folder.empty() || folder.ends_with('/') ? "" : "/") +
                             "events.out.tfevents." +
                             std::to_string(static_cast<std::int64_t>(now)) + ".espalier";
    for (int number = 0; !file_; ++number) {
      path_ = stem + "." + std::to_string(number);
      file_ = file_detail::open_file(path_, file_detail::Open::create);
      if (!file_ && (errno != EEXIST || number >= 10000)) file_detail::fail("write", path_);
    }
    Event head;
    head.wall_time = now;
    head.file_version = "brain.Event:2";
    write(head);
    Event start;
    start.wall_time = now;
    start.step = first_step;
    start.session_start = true;
    write(start);
  }

  /// Writes one value of a curve. TensorBoard groups tags by the part before '/'. Throws IoError.
  void scalar(std::string_view tag, double value, std::int64_t step, double time = wall_time()) {
    Event event;
    event.wall_time = time;
    event.step = step;
    event.scalars.push_back({std::string(tag), static_cast<float>(value)});
    write(event);
  }

  /// Writes several values of one step in one record. Throws IoError.
  void write(Event event) {
    event.file_version = event_detail::valid_text(event.file_version);
    for (ScalarEvent& scalar : event.scalars) scalar.tag = event_detail::valid_text(scalar.tag);
    const std::string record = event_detail::frame(event_detail::encode(event));
    if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size()) {
      file_detail::fail("write", path_);
    }
    flush();
  }

  /// write() calls this after every record. Throws IoError.
  void flush() {
    if (std::fflush(file_.get()) != 0) file_detail::fail("write", path_);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  file_detail::Handle file_;
};

}  // namespace espalier

#include "espalier/report/event_reader.hpp"
