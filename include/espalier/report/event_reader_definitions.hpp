// SPDX-License-Identifier: Apache-2.0
// Definitions of event_reader.hpp.
#pragma once

#include "espalier/report/event_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/event_wire.hpp"

namespace espalier {

namespace event_detail {

/// One field of a protocol buffer.
struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t integer = 0;  ///< value of a varint
  std::string_view bytes;     ///< value of the other wire types, with checked length
};

/// Reads the fields of a protocol buffer one after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  /// Reads the next field; returns false at the end. Throws DataError if the bytes are not a valid
  /// protocol buffer.
  bool next(Field& field) {
    if (bytes_.empty()) return false;
    const std::uint64_t key = varint();
    field.number = key >> 3U;
    field.wire = static_cast<Wire>(key & 7U);
    field.bytes = {};
    field.integer = 0;
    switch (field.wire) {
      case Wire::varint:
        field.integer = varint();
        break;
      case Wire::fixed64:
        field.bytes = take(8);
        break;
      case Wire::fixed32:
        field.bytes = take(4);
        break;
      case Wire::bytes:
        field.bytes = take(varint());
        break;
      default:
        throw_error<DataError>({"unknown wire type ", key & 7U});
    }
    if (field.number == 0) throw DataError("field number 0");
    return true;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    throw DataError("an integer of more than 10 bytes");
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size()) throw DataError("a field reaches beyond the end");
    const std::string_view taken = bytes_.substr(0, static_cast<std::size_t>(count));
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view bytes_;
};

[[nodiscard]] ESPALIER_COLD inline ScalarEvent decode_value(std::string_view bytes,
                                                            bool& is_scalar) {
  ScalarEvent scalar;
  Fields fields(bytes);
  for (Field field; fields.next(field);) {
    if (field.number == 1 && field.wire == Wire::bytes) scalar.tag = field.bytes;
    if (field.number == 2 && field.wire == Wire::fixed32) {
      scalar.value = get_fixed<float>(field.bytes);
      is_scalar = true;
    }
  }
  return scalar;
}

/// Skips fields that are not used here (images, histograms).
[[nodiscard]] ESPALIER_COLD inline Event decode(std::string_view bytes) {
  Event event;
  Fields fields(bytes);
  for (Field field; fields.next(field);) {
    if (field.number == 1 && field.wire == Wire::fixed64) {
      event.wall_time = get_fixed<double>(field.bytes);
    } else if (field.number == 2 && field.wire == Wire::varint) {
      event.step = static_cast<std::int64_t>(field.integer);
    } else if (field.number == 3 && field.wire == Wire::bytes) {
      event.file_version = field.bytes;
    } else if (field.number == 5 && field.wire == Wire::bytes) {
      Fields values(field.bytes);
      for (Field value; values.next(value);) {
        if (value.number != 1 || value.wire != Wire::bytes) continue;
        bool is_scalar = false;
        ScalarEvent scalar = decode_value(value.bytes, is_scalar);
        if (is_scalar) event.scalars.push_back(std::move(scalar));
      }
    } else if (field.number == 7 && field.wire == Wire::bytes) {
      Fields log(field.bytes);
      for (Field status; log.next(status);) {
        if (status.number == 1) event.session_start = status.integer == 1;
      }
    }
  }
  return event;
}

}  // namespace event_detail

ESPALIER_COLD ESPALIER_INLINE EventLog parse_events(std::string_view bytes,
                                                    const std::string& what) {
  constexpr std::size_t head = 12, tail = 4;  // length and its checksum; the data's checksum
  EventLog log;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto fail = [&](const std::string& message) {
      throw_error<DataError>({what, ": record at byte ", at, ": ", message});
    };
    const std::string_view rest = bytes.substr(at);
    if (rest.size() < head) {
      log.cut_off = true;
      break;
    }
    if (event_detail::get_fixed<std::uint32_t>(rest.substr(8)) !=
        event_detail::masked_crc(rest.substr(0, 8))) {
      fail("wrong checksum of the length");
    }
    const auto length = event_detail::get_fixed<std::uint64_t>(rest);
    if (length > rest.size() - head || rest.size() - head - length < tail) {
      log.cut_off = true;
      break;
    }
    const std::string_view data = rest.substr(head, static_cast<std::size_t>(length));
    if (event_detail::get_fixed<std::uint32_t>(rest.substr(head + data.size())) !=
        event_detail::masked_crc(data)) {
      fail("wrong checksum");
    }
    try {
      log.events.push_back(event_detail::decode(data));
    } catch (const DataError& error) {
      fail(error.what());
    }
    at += head + data.size() + tail;
  }
  return log;
}

ESPALIER_INLINE EventLog read_event_file(const std::string& path) {
  return parse_events(read_file(path), path);
}

}  // namespace espalier
