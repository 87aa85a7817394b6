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

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"

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

[[nodiscard]] std::string encode(const Event& event);

[[nodiscard]] std::string frame(std::string_view data);

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
  explicit EventFile(const std::string& folder, std::int64_t first_step = 0);

  /// Writes one value of a curve. TensorBoard groups tags by the part before '/'. Throws IoError.
  void scalar(std::string_view tag, double value, std::int64_t step, double time = wall_time());

  /// Writes several values of one step in one record. Throws IoError.
  void write(Event event);

  /// write() calls this after every record. Throws IoError.
  void flush();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  file_detail::Handle file_;
};

}  // namespace espalier

#include "espalier/report/event_reader.hpp"

#if ESPALIER_DEFINE
#include "espalier/report/event_file_definitions.hpp"
#endif
