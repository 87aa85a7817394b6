// SPDX-License-Identifier: Apache-2.0
// Definitions of event_file.hpp.
#pragma once

#include "espalier/report/event_file.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/report/event_wire.hpp"

namespace espalier {

namespace event_detail {

ESPALIER_INLINE std::string encode(const Event& event) {
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

ESPALIER_INLINE std::string frame(std::string_view data) {
  std::string out;
  put_fixed(out, static_cast<std::uint64_t>(data.size()));
  put_fixed(out, masked_crc(out));
  out += data;
  put_fixed(out, masked_crc(data));
  return out;
}

}  // namespace event_detail

ESPALIER_COLD ESPALIER_INLINE EventFile::EventFile(const std::string& folder,
                                                   std::int64_t first_step) {
  make_folders(folder);
  const double now = wall_time();
  const std::string stem = folder + (folder.empty() || folder.ends_with('/') ? "" : "/") +
                           "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(now)) +
                           ".espalier";
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

ESPALIER_INLINE void EventFile::scalar(std::string_view tag, double value, std::int64_t step,
                                       double time) {
  Event event;
  event.wall_time = time;
  event.step = step;
  event.scalars.push_back({std::string(tag), static_cast<float>(value)});
  write(event);
}

ESPALIER_INLINE void EventFile::write(Event event) {
  event.file_version = event_detail::valid_text(event.file_version);
  for (ScalarEvent& scalar : event.scalars) scalar.tag = event_detail::valid_text(scalar.tag);
  const std::string record = event_detail::frame(event_detail::encode(event));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size()) {
    file_detail::fail("write", path_);
  }
  flush();
}

ESPALIER_INLINE void EventFile::flush() {
  if (std::fflush(file_.get()) != 0) file_detail::fail("write", path_);
}

}  // namespace espalier
