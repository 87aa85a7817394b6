// SPDX-License-Identifier: Apache-2.0
// Event file reader: any bytes give events or one DataError; the events read back unchanged after
// writing. Checksums reject nearly every mutation, so the input is tried both as a file and as one
// record framed with valid checksums.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "espalier/report/event_file.hpp"

using namespace espalier;

namespace {

void check(std::string_view bytes) {
  EventLog log;
  try {
    log = parse_events(bytes, "input");
  } catch (const DataError&) {
    return;
  }
  for (const Event& event : log.events) {
    const std::string written = event_detail::frame(event_detail::encode(event));
    const EventLog again = parse_events(written, "written");
    if (again.cut_off || again.events.size() != 1) std::abort();
    const Event& read = again.events[0];
    const bool same = std::bit_cast<std::uint64_t>(read.wall_time) ==
                          std::bit_cast<std::uint64_t>(event.wall_time) &&
                      read.step == event.step && read.file_version == event.file_version &&
                      read.session_start == event.session_start &&
                      read.scalars.size() == event.scalars.size();
    if (!same) std::abort();
    for (std::size_t i = 0; i < read.scalars.size(); ++i) {
      if (read.scalars[i].tag != event.scalars[i].tag) std::abort();
      if (std::bit_cast<std::uint32_t>(read.scalars[i].value) !=
          std::bit_cast<std::uint32_t>(event.scalars[i].value)) {
        std::abort();
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(event_detail::frame(bytes));
  return 0;
}
