// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "espalier/report/event_file.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::TemporaryFolder;

namespace {

std::string golden() {
  constexpr unsigned char bytes[] = {
#include "event_file_golden.inc"
  };
  return {reinterpret_cast<const char*>(bytes), sizeof bytes};
}

Event event_of(double time, std::int64_t step) {
  Event event;
  event.wall_time = time;
  event.step = step;
  return event;
}

/// The events of tests/golden/event_file.py.
std::vector<Event> golden_events() {
  std::vector<Event> events{event_of(1700000000.25, 0), event_of(1700000001.5, 300),
                            event_of(1700000002.0, 300),
                            event_of(1700000003.0, std::int64_t{1} << 40)};
  events[0].file_version = "brain.Event:2";
  events[1].session_start = true;
  events[2].scalars = {{"train/click/loss", 0.6931472F}, {"é", -2.0F}};
  events[3].scalars = {{"lr", 1e-3F}};
  return events;
}

std::string message(const std::string& bytes) {
  try {
    static_cast<void>(parse_events(bytes, "f"));
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("event records are those of TensorBoard, byte for byte") {
  std::string ours;
  for (const Event& event : golden_events()) {
    ours += event_detail::frame(event_detail::encode(event));
  }
  CHECK(ours == golden());
}

TEST_CASE("an event file of TensorBoard is read") {
  const EventLog log = parse_events(golden());
  CHECK_FALSE(log.cut_off);
  const std::vector<Event> expected = golden_events();
  REQUIRE(log.events.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(log.events[i].wall_time == expected[i].wall_time);
    CHECK(log.events[i].step == expected[i].step);
    CHECK(log.events[i].file_version == expected[i].file_version);
    CHECK(log.events[i].session_start == expected[i].session_start);
    REQUIRE(log.events[i].scalars.size() == expected[i].scalars.size());
    for (std::size_t s = 0; s < expected[i].scalars.size(); ++s) {
      CHECK(log.events[i].scalars[s].tag == expected[i].scalars[s].tag);
      CHECK(log.events[i].scalars[s].value == expected[i].scalars[s].value);
    }
  }
}

TEST_CASE("scalars are in the file as soon as they are written") {
  const TemporaryFolder folder;
  EventFile file(folder / "runs/a");
  CHECK(std::filesystem::path(file.path()).filename().string().starts_with("events.out.tfevents."));
  file.scalar("loss", 0.5, 1, 10.0);
  file.scalar("loss", std::numeric_limits<double>::quiet_NaN(), 2, 11.0);
  const EventLog log = read_event_file(file.path());
  REQUIRE(log.events.size() == 4);
  CHECK(log.events[0].file_version == "brain.Event:2");
  CHECK(log.events[0].wall_time > 1.6e9);
  CHECK(log.events[1].session_start);  // required: otherwise TensorBoard ignores the next file
  CHECK(log.events[1].step == 0);
  CHECK(log.events[2].scalars.at(0).tag == "loss");
  CHECK(log.events[2].scalars.at(0).value == 0.5F);
  CHECK(log.events[2].wall_time == 10.0);
  CHECK(std::isnan(log.events[3].scalars.at(0).value));
  file.scalar("a\xFF", 1, 3, 12.0);
  CHECK(read_event_file(file.path()).events.back().scalars.at(0).tag == "a\xEF\xBF\xBD");
  const EventFile second(folder / "runs/a", 7);
  CHECK(second.path() != file.path());
  const EventLog resumed = read_event_file(second.path());
  REQUIRE(resumed.events.size() == 2);
  CHECK(resumed.events[1].session_start);
  CHECK(resumed.events[1].step == 7);
}

TEST_CASE("an event file cut off anywhere gives the whole records before") {
  const std::string whole = golden();
  std::vector<std::size_t> ends{0};
  for (const Event& event : golden_events()) {
    ends.push_back(ends.back() + event_detail::frame(event_detail::encode(event)).size());
  }
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const EventLog log = parse_events(whole.substr(0, size));
    std::size_t expected = 0;
    while (expected + 1 < ends.size() && ends[expected + 1] <= size) ++expected;
    CHECK(log.events.size() == expected);
    CHECK(log.cut_off == (ends[expected] != size));
  }
}

TEST_CASE("any flipped bit of an event file is noticed") {
  const std::string whole = golden();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bad = whole;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    CHECK(message(bad).find("wrong checksum") != std::string::npos);
  }
}

TEST_CASE("records that are no events are refused with their place") {
  const auto framed = [](std::string_view data) { return golden() + event_detail::frame(data); };
  const std::string where = "f: record at byte " + std::to_string(golden().size()) + ": ";
  CHECK(message(framed("\x2A\x05")) == where + "a field reaches beyond the end");
  CHECK(message(framed("\x09\x01")) == where + "a field reaches beyond the end");
  CHECK(message(framed("\x0B")) == where + "unknown wire type 3");
  CHECK(message(framed(std::string("\x00\x00", 2))) == where + "field number 0");
  CHECK(message(framed("\x10" + std::string(11, '\xFF'))) ==
        where + "an integer of more than 10 bytes");
  CHECK(message(framed("\x2A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")) ==
        where + "a field reaches beyond the end");
  CHECK(message(framed("\x9A\x06\x02zz")) == "accepted");  // an unknown field of a later version
  CHECK(message("not an event file") == "f: record at byte 0: wrong checksum of the length");
}

TEST_CASE("a folder that cannot be made is named") {
  const TemporaryFolder folder;
  { const EventFile file(folder / "a"); }
  const std::string name = std::filesystem::directory_iterator(folder / "a")->path().string();
  CHECK_THROWS_WITH_AS(EventFile(name + "/b"),
                       ("cannot make folder " + name + ": Not a directory").c_str(), IoError);
}
