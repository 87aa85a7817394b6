// SPDX-License-Identifier: Apache-2.0
// PastItems: a server gives a row the ids that training gave it, bit for bit; the state is saved,
// loaded and checked.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "deploy/saved_model.hpp"
#include "espalier/data/csv_writer.hpp"
#include "espalier/model/row_history_file.hpp"
#include "espalier/sequences.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using Watched = esp::PastItems<"user", "video", "time", 5, esp::Delay<6>, esp::OnlyWhere<"click">>;
using Shown = esp::PastItems<"user", "video", "time", 3, esp::Named<"shown">>;
using In = esp::Inputs<esp::Sequence<Watched, esp::Gru<4>, esp::Target<"video">>, esp::Numeric<"x">,
                       esp::Categorical<"video", 4, esp::MinCount<2>>,
                       esp::MeanOf<"click", esp::By<"user">, esp::Before<"day">>,
                       esp::Sequence<Shown, esp::Positions<true>>, esp::Categorical<"user", 4>>;
struct Feed : esp::MultiTaskModel<In, esp::SharedBottom<esp::Mlp<8>>, Click> {};

/// Rows in order of time, up to four of a user at once in random order; rows without a user, a
/// video or a label.
esp::Table feed(esp::Index rows, double from, std::uint64_t seed) {
  esp::Random random(seed);
  const auto n = static_cast<std::size_t>(rows);
  std::vector<std::string> user(n), video(n);
  std::vector<double> x(n), day(n), time(n), click(n);
  for (std::size_t i = 0; i < n; ++i) {
    user[i] = random.bernoulli(0.1)            ? ""
              : i > 0 && random.bernoulli(0.4) ? user[i - 1]
                                               : "u" + std::to_string(random.below(6));
    video[i] = random.bernoulli(0.1) ? "" : std::to_string(random.below(40)) + ".0";
    x[i] = random.normal();
    time[i] = from + static_cast<double>(i / 4);
    day[i] = std::floor(time[i] / 50);
    click[i] = random.bernoulli(0.1) ? std::nan("") : random.bernoulli(0.5) ? 1 : 0;
  }
  esp::Table table;
  table.add("user", user);
  table.add("video", video);
  table.add("x", x);
  table.add("day", day);
  table.add("time", time);
  table.add("click", click);
  return table;
}

std::vector<esp::NamedValue> row_of(const esp::Table& table, esp::Index row) {
  std::vector<esp::NamedValue> values;
  if (const std::string_view text = table.column("user").at(row); !text.empty())
    values.emplace_back("user", text);
  // 17.0 in the log; the application has an integer.
  if (const std::string text(table.column("video").at(row)); !text.empty())
    values.emplace_back("video", std::stoi(text));
  for (const char* name : {"x", "day", "time"})
    values.emplace_back(name, table.numbers(name)[static_cast<std::size_t>(row)]);
  return values;
}

std::vector<esp::NamedValue> label_of(const esp::Table& table, esp::Index row) {
  return {{"click", table.numbers("click")[static_cast<std::size_t>(row)]}};
}

const SavedModel<Feed>& saved() {
  static const SavedModel<Feed> once(feed(1600, 0, 1), 5, 6);
  return once;
}

}  // namespace

TEST_CASE("PastItems: the plan has the table and the width of the candidate") {
  const esp::Schema& schema = esp::plan_of<Feed>().schema;
  CHECK(schema.fields[0].name == "past_video");
  CHECK(schema.fields[0].table == "video");
  CHECK(schema.fields[0].width == 4);
  CHECK(schema.fields[4].name == "shown");
  CHECK(In::width == 4 + 1 + 4 + 1 + 4 + 4);
  // By the column; or by the table, and then also of a hashed candidate.
  using esp::PastItems;
  using Film = esp::Categorical<"film", 3, esp::From<"video">>;
  using Hash = esp::Hashed<"film_hash", 100, 7, esp::From<"video">>;
  using P = PastItems<"user", "video", "time", 5>;
  using Q = PastItems<"user", "video", "time", 5, esp::Named<"q">, esp::SharedTable<"film_hash">>;
  using Both = esp::Inputs<esp::Sequence<P>, Film, Hash, esp::Sequence<Q>>;
  CHECK(Both::fields[0].table == "film");
  CHECK(Both::fields[0].kind == esp::FieldKind::categorical);
  CHECK(Both::fields[3].table == "film_hash");
  CHECK(Both::fields[3].kind == esp::FieldKind::hashed);
  CHECK(Both::fields[3].buckets == 100);
  CHECK(Both::width == 3 + 3 + 7 + 7);
  CHECK(Both::fault.rule == 0);
}

TEST_CASE("PastItems: the vocabulary counts candidates, not histories") {
  esp::Table table;
  table.add("user", std::vector<std::string>{"a", "a", "a", "a", "a"});
  table.add("video", std::vector<std::string>{"1", "2", "2", "3", "1"});
  table.add("x", std::vector<double>(5));
  table.add("day", std::vector<double>(5, 1));
  table.add("time", std::vector<double>{0, 10, 20, 30, 40});
  table.add("click", std::vector<double>(5, 1));
  esp::add_history<Feed>(table);
  CHECK(cells(table, "past_video") == "– 1 1|2 1|2|2 1|2|2|3");
  esp::Features features(esp::plan_of<Feed>().schema);
  features.fit(esp::Dataset(table));
  CHECK(features.state().vocabularies[0] == std::vector<std::string>{"1", "2"});
  const esp::EncodedData data = features.encode(esp::Dataset(table));
  CHECK(data.ids[0].ids == std::vector<std::int32_t>{1, 1, 2, 1, 2, 2, 1, 2, 2, 0});
}

TEST_CASE("PastItems: replaying the log from nothing gives the ids of training, bit for bit") {
  const esp::Predictor<Feed> predictor(saved().path);
  const esp::Table& table = saved().table;
  const esp::EncodedData data = predictor.features().encode_inputs(esp::Dataset(table));
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::ServingState state = predictor.empty_state();
  esp::Random random(3);
  std::vector<esp::Index> open;  // clicks that are not reported yet
  int different = 0, items = 0;
  for (esp::Index i = 0; i < table.rows(); ++i) {
    const std::vector<double>& time = table.numbers("time");
    const auto at = static_cast<std::size_t>(i);
    // Reported before the delay and the day are over, in random order.
    const auto is_new_day = i > 0 && table.numbers("day")[at] != table.numbers("day")[at - 1];
    for (std::size_t k = open.size(); k-- > 0;) {
      const bool is_due = time[at] - time[static_cast<std::size_t>(open[k])] >= 6 || is_new_day;
      if (!is_due && !random.bernoulli(0.2)) continue;
      state.observe_labels(row_of(table, open[k]), label_of(table, open[k]));
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
    }
    const std::vector<esp::NamedValue> row = row_of(table, i);
    different += same_bits(predictor.features(), row, state, data, at) ? 0 : 1;
    items += data.ids[0].offsets[at + 1] - data.ids[0].offsets[at];
    if (i % 3 == 0) {
      state.observe(row, label_of(table, i));
    } else {
      state.observe(row);
      open.push_back(i);
    }
    if (i % 200 == 77) {
      state.save(folder / "state");
      state = predictor.load_state(folder / "state");
    }
  }
  CHECK(different == 0);
  CHECK(items > 3000);
}

TEST_CASE("PastItems: a state begins behind training, and tables go on from it") {
  const esp::Predictor<Feed> predictor(saved().path);
  const esp::Table& table = saved().table;
  const esp::EncodedData data = predictor.features().encode_inputs(esp::Dataset(table));
  const esp::Predictions all = predictor.predict(esp::Dataset(table));
  esp::ServingState state = predictor.initial_state();
  CHECK(state.history().last() == 299);
  esp::Table later;
  for (const char* name : {"user", "video", "x", "day", "time", "click"})
    later.add(table.column(name));
  std::vector<std::int32_t> rest(400);
  for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = static_cast<std::int32_t>(1200 + i);
  later = later.take(rest);
  esp::ServingState of_table = predictor.initial_state();
  of_table.add_to(later);
  int different = 0;
  for (esp::Index i = 1200; i < 1600; ++i) {
    const std::vector<esp::NamedValue> row = row_of(table, i);
    different +=
        same_bits(predictor.features(), row, state, data, static_cast<std::size_t>(i)) ? 0 : 1;
    for (const char* name : {"past_video", "shown"})
      different += later.column(name).at(i - 1200) == table.column(name).at(i) ? 0 : 1;
    CHECK(static_cast<double>(predictor.predict_row(row, state)[0]) ==
          doctest::Approx(static_cast<double>(all.values[0][static_cast<std::size_t>(i)]))
              .epsilon(1e-5));
    state.observe(row, label_of(table, i));
  }
  CHECK(different == 0);
}

TEST_CASE("PastItems: read_csv and read_inputs; what is missing is said with what to call") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "log.csv";
  esp::write_csv(path, feed(80, 0, 5));
  esp::Table added = feed(80, 0, 5);
  esp::add_history<Feed>(added);
  const esp::Dataset read = esp::read_csv<Feed>(path);
  CHECK(cells(read.table(), "past_video") == cells(added, "past_video"));
  CHECK(cells(read.table(), "shown") == cells(added, "shown"));
  const std::string first =
      "table: no column 'past_video', which knows of the rows before: add_history<Model>(table) "
      "adds it to a whole log before that is split, ServingState::add_to(table) to rows that came "
      "later";
  esp::Table bare = feed(80, 0, 5);
  bare.add("mean_click_by_user", std::vector<double>(80));
  esp::Trainer<Feed> trainer(quick_options());
  CHECK(message_of([&] { trainer.fit(esp::Dataset(bare)); }) == first);
  const esp::Predictor<Feed> predictor(saved().path);
  CHECK(message_of([&] { static_cast<void>(predictor.predict(esp::Dataset(bare))); }) == first);
  const std::vector<esp::NamedValue> row{{"user", "u1"}, {"video", 3}, {"mean_click_by_user", 0.5}};
  CHECK(message_of([&] { static_cast<void>(predictor.predict_row(row)); })
            .starts_with("row: 'past_video' is not given, which knows of the rows before: "
                         "predict_row(row, state) makes it"));
  // Given by the application, they are read as cells of a column.
  esp::EncodedData one = predictor.features().encode(std::vector<esp::NamedValue>{
      {"mean_click_by_user", 0.5}, {"past_video", "1|2"}, {"shown", ""}});
  CHECK(one.ids[0].ids.size() == 2);
  // A file of later rows has no clicks yet.
  esp::Table written = feed(20, 500, 6);
  written.remove("click");
  esp::write_csv(path, written);
  esp::Table later = esp::read_inputs<Feed>(path).table();
  esp::ServingState state = predictor.initial_state();
  state.add_to(later);
  CHECK(predictor.predict(esp::Dataset(std::move(later))).of("click").size() == 20);
}

TEST_CASE("PastItems: a strict predictor takes histories that are empty or have new items") {
  const esp::Predictor<Feed> predictor(saved().path, {.strict = true});
  esp::ServingState state = predictor.initial_state();
  const auto at = [](double time) {
    return std::vector<esp::NamedValue>{
        {"user", "u1"}, {"video", 3}, {"x", 0.1}, {"day", 6}, {"time", time}};
  };
  std::vector<esp::NamedValue> fresh = at(300);
  fresh[1] = {"video", 12345};
  state.observe(fresh, {{"click", 1}});
  CHECK(predictor.predict_row(at(400), state).size() == 1);
  CHECK(predictor.input_counts()[0].input == "past_video");
  CHECK(predictor.input_counts()[0].unknown == 1);
  CHECK(predictor.predict_row(at(400), predictor.empty_state()).size() == 1);
  CHECK(predictor.input_counts()[0].missing == 1);
}

TEST_CASE("PastItems: what does not fit is refused by name, and nothing has changed") {
  const esp::Predictor<Feed> predictor(saved().path);
  esp::ServingState state = predictor.initial_state();
  const std::vector<esp::NamedValue> row = row_of(saved().table, 1599);
  const std::vector<float> before = predictor.predict_row(row, state);
  const auto refused = [&](std::vector<esp::NamedValue> given) {
    return failure<esp::ConfigError>([&] { state.observe(given); });
  };
  CHECK(refused({{"user", "u1"}, {"video", 3}, {"day", 6}})
            .starts_with("row: 'time' is missing, expected a time, as inputs of the rows before"));
  CHECK(refused({{"user", "u1"}, {"video", "3|4"}, {"day", 6}, {"time", 400}}) ==
        "row: 'video' is '3|4', which contains the separator '|' of histories, expected another "
        "separator");
  CHECK(refused({{"user", "u1"}, {"video", 1e17}, {"day", 6}, {"time", 400}})
            .starts_with("input 'video' is 100000000000000000, beyond ±2^53"));
  CHECK(predictor.predict_row(row, state) == before);
  CHECK(state.history().last() == 299);
}

TEST_CASE("PastItems: states and models that differ in them do not fit") {
  using Other = esp::PastItems<"user", "video", "time", 5, esp::Delay<7>, esp::OnlyWhere<"click">>;
  using OtherIn = esp::Inputs<esp::Sequence<Other, esp::Gru<4>, esp::Target<"video">>,
                              esp::Categorical<"video", 4>>;
  struct Slow : esp::MultiTaskModel<OtherIn, esp::SharedBottom<esp::Mlp<8>>, Click> {};
  using FastIn = esp::Inputs<esp::Sequence<Watched, esp::Gru<4>, esp::Target<"video">>,
                             esp::Categorical<"video", 4>>;
  struct Fast : esp::MultiTaskModel<FastIn, esp::SharedBottom<esp::Mlp<8>>, Click> {};
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::Table table = feed(200, 0, 4);
  esp::add_history<Slow>(table);
  esp::Trainer<Slow> trainer(quick_options());
  trainer.fit(esp::Dataset(table));
  trainer.save(folder / "slow");
  CHECK(message_of([&] {
          const esp::Predictor<Fast> fast(folder / "slow");
        }).find("items 'video', 7 later, where 'click'") != std::string::npos);
  const esp::Predictor<Slow> slow(folder / "slow");
  const esp::ServingState wrong = slow.initial_state();
  const esp::Predictor<Feed> predictor(saved().path);
  CHECK(message_of([&] {
          static_cast<void>(predictor.predict_row(row_of(saved().table, 1599), wrong));
        }) ==
        "the state is of a model with other inputs: expected one of initial_state() or "
        "load_state()");
  esp::RowHistory fast_inputs(esp::plan_of<Fast>().schema.fields);
  wrong.save(folder / "state");
  CHECK(failure<esp::CheckpointError>(
            [&] { esp::read_history(esp::SafetensorsFile(folder / "state"), fast_inputs); }) ==
        folder / "state" +
            ": what it knows of the rows before is by 'user' at 'time': the last 5 'video', 7 "
            "later, where 'click', expected by 'user' at 'time': the last 5 'video', 6 later, "
            "where 'click'");
}

TEST_CASE("PastItems: any file gives a state or one error") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const esp::Predictor<Feed> predictor(saved().path);
  esp::ServingState state = predictor.empty_state();
  const auto observe = [&](int user, int video, double time, std::vector<esp::NamedValue> known) {
    state.observe(
        std::vector<esp::NamedValue>{{"user", user}, {"video", video}, {"day", 1}, {"time", time}},
        known);
  };
  observe(1, 10, 1, {{"click", 1}});
  observe(1, 11, 9, {});
  observe(2, 10, 9, {{"click", 1}});
  const std::string path = folder / "state", name = "history/items0/";
  state.save(path);
  const auto loaded = [&](const auto& change) {
    Contents contents(path);
    change(contents);
    contents.write(folder / "changed");
    return failure<esp::CheckpointError>(
        [&] { static_cast<void>(predictor.load_state(folder / "changed")); });
  };
  CHECK(loaded([](Contents&) {}) == "no error");
  const auto with = [&](const std::string& tensor, const auto& values) {
    const std::string said = loaded([&](Contents& c) {
      REQUIRE(c.tensors.count(name + tensor) == 1);
      c.set(name + tensor, values);
    });
    const std::string start = folder / "changed: tensor 'history/items0/";
    CHECK(said.starts_with(start));
    return said.substr((std::min)(said.size(), start.size()));
  };
  using Ints = std::vector<std::int32_t>;
  using Doubles = std::vector<double>;
  using Sizes = std::vector<std::uint64_t>;
  CHECK(with("rows", Ints{2}) == "rows' has another length than its keys");
  CHECK(with("rows", Ints{3, 0}) == "rows' does not add up to the number of times");
  CHECK(with("rows", Ints{-1, 4}) == "rows' does not add up to the number of times");
  CHECK(with("rows", Ints{1, 1}) == "rows' does not add up to the number of times");
  CHECK(with("rows", Ints{2, 2147483647}) == "rows' does not add up to the number of times");
  CHECK(with("times", Doubles{9, 1, 9}) == "times' has times that do not ascend");
  CHECK(with("times", Doubles{1, std::nan(""), 9}) == "times' has times that do not ascend");
  CHECK(with("times", Doubles{1, 9}) == "items' has another length than its times");
  CHECK(with("items", Ints{0, 2, 0}) == "items' has an item that the texts lack");
  CHECK(with("items", Ints{0, -1, 0}) == "items' has an item that the texts lack");
  CHECK(with("counts", Ints{1, 2, 1}) == "counts' has numbers other than 0 and 1");
  CHECK(with("counts", Ints{1}) == "counts' has another length than its times");
  // A row that waits although the delay is over would never have been saved.
  CHECK(with("counts", Ints{0, 1, 1}) ==
        "keys' has a key twice, or one of more rows than are kept");
  CHECK(with("keys", Sizes{7, 7}) == "keys' has a key twice, or one of more rows than are kept");
  CHECK(with("ends", Sizes{2, 3}) == "ends' does not ascend to the end of texts");
  CHECK(with("ends", Sizes{2, 2, 4}) == "ends' does not ascend to the end of texts");
  CHECK(with("ends", Sizes{2, 5}) == "ends' does not ascend to the end of texts");
  CHECK(with("ends", Sizes{2, ~std::uint64_t{0}}) == "ends' does not ascend to the end of texts");
  const std::string twice = "1010", split = "1|11";
  CHECK(with("texts", std::vector<std::uint8_t>(twice.begin(), twice.end())) ==
        "texts' has an item twice");
  CHECK(with("texts", std::vector<std::uint8_t>(split.begin(), split.end())) ==
        "texts' has an item that contains the separator");
  CHECK(loaded([&](Contents& c) { c.tensors.erase(name + "texts"); }).find("texts") !=
        std::string::npos);
  CHECK(loaded([&](Contents& c) {
          std::string& text = c.metadata.at("history");
          text.replace(text.find("\"version\":2"), 11, "\"version\":1");
        }) ==
        folder /
            "changed: what it knows of the rows before is of version 1, expected of version 2");
}
