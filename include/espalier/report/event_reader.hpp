// SPDX-License-Identifier: Apache-2.0
// `read_event_file`: reads the scalars of a TensorBoard event file of any writer. Safe on arbitrary
// bytes.
#pragma once

#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/report/event_file.hpp"

namespace espalier {

/// Parses the bytes of an event file. Leaves out a truncated last record and then sets `cut_off`.
/// Throws DataError, naming `what` and the byte, for a wrong checksum or a record that is not an
/// Event.
[[nodiscard]] EventLog parse_events(std::string_view bytes, const std::string& what = "events");

/// Reads the events of a file. Throws IoError and DataError.
[[nodiscard]] EventLog read_event_file(const std::string& path);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/event_reader_definitions.hpp"
#endif
