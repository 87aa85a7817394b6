// SPDX-License-Identifier: Apache-2.0
// ServingState: its initial content comes from training; it is updated by observed rows, saved and
// loaded.
#include "espalier/deploy/serving_state.hpp"

#include <doctest/doctest.h>

#include "data/helpers.hpp"
#include "deploy/saved_model.hpp"
#include "espalier/data/csv_writer.hpp"
#include "espalier/data/load.hpp"
#include "espalier/deploy/predictor.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using In = esp::Inputs<
    esp::Categorical<"user", 4>, esp::Numeric<"x">,
    esp::MeanOf<"click", esp::By<"user">, esp::Before<"day">>,
    esp::CountOf<esp::By<"user">, esp::Before<"day">>,
    esp::Bucketed<esp::MeanOf<"click", esp::By<"user", "place">, esp::Before<"day">>, 4, 2>,
    esp::SincePrevious<esp::By<"user">, "time">, esp::EarlierRows<esp::By<"user", "day">, "time">>;
struct Visits : esp::MultiTaskModel<In, esp::SharedBottom<esp::Mlp<8>>, Click> {};

/// `rows` rows in order of time, beginning at `from`; 200 rows per day of 100 time units.
esp::Table visits(esp::Index rows, double from, std::uint64_t seed) {
  esp::Random random(seed);
  const auto n = static_cast<std::size_t>(rows);
  std::vector<std::string> user(n), place(n);
  std::vector<double> x(n), day(n), time(n), click(n);
  for (std::size_t i = 0; i < n; ++i) {
    user[i] = random.bernoulli(0.1) ? "" : std::to_string(random.below(12));
    place[i] = random.bernoulli(0.5) ? "shop" : "feed";
    x[i] = random.normal();
    time[i] = from + static_cast<double>(i / 2);  // two rows per time
    day[i] = std::floor(time[i] / 100);
    click[i] = random.bernoulli(0.3) ? 1 : 0;
  }
  esp::Table table;
  table.add("user", user);
  table.add("place", place);
  table.add("x", x);
  table.add("day", day);
  table.add("time", time);
  table.add("click", click);
  return table;
}

std::vector<esp::NamedValue> row_of(const esp::Table& table, esp::Index row) {
  std::vector<esp::NamedValue> values;
  for (const char* name : {"user", "place"}) {
    if (const std::string_view text = table.column(name).at(row); !text.empty())
      values.emplace_back(name, text);
  }
  for (const char* name : {"x", "day", "time"})
    values.emplace_back(name, table.numbers(name)[static_cast<std::size_t>(row)]);
  return values;
}

const SavedModel<Visits>& saved() {
  static const SavedModel<Visits> once(visits(2000, 0, 1), 6, 8);
  return once;
}

/// The sums of the last day over all keys of the first group.
std::vector<double> last_day(const esp::ServingState& state) {
  const esp::DailyTotals& totals = state.history().daily()[0].totals();
  const esp::KeyTotals& all = totals.totals();
  const std::size_t width = all.width / esp::DailyTotals::parts;
  std::vector<double> sums;
  for (std::size_t k = 0; k < all.index.size(); ++k) {
    const double* const of_key =
        all.values.data() + k * all.width + totals.open().back().part * width;
    sums.insert(sums.end(), of_key, of_key + width);
  }
  return sums;
}

}  // namespace

TEST_CASE(
    "ServingState: replaying the log from nothing gives the inputs of training, bit for bit") {
  const esp::Predictor<Visits> predictor(saved().path);
  const esp::Table& table = saved().table;
  const esp::EncodedData data = predictor.features().encode_inputs(esp::Dataset(table));
  esp::ServingState state = predictor.empty_state();
  int different = 0;
  for (esp::Index i = 0; i < table.rows(); ++i) {
    const std::vector<esp::NamedValue> row = row_of(table, i);
    different +=
        same_bits(predictor.features(), row, state, data, static_cast<std::size_t>(i)) ? 0 : 1;
    const std::vector<esp::NamedValue> known{
        {"click", table.numbers("click")[static_cast<std::size_t>(i)]}};
    if (i % 3 == 0) {
      state.observe(row);
      state.observe_labels(row, known);
    } else {
      state.observe(row, known);
    }
  }
  CHECK(different == 0);
}

TEST_CASE(
    "ServingState: it begins behind the training and validation splits, and goes on as the log "
    "did") {
  const esp::Predictor<Visits> predictor(saved().path);
  const esp::Table& table = saved().table;
  const esp::EncodedData data = predictor.features().encode_inputs(esp::Dataset(table));
  esp::ServingState state = predictor.initial_state();
  CHECK(state.history().last() == 799);
  int different = 0;
  const esp::Predictions all = predictor.predict(esp::Dataset(table));
  for (esp::Index i = 1600; i < 2000; ++i) {
    const std::vector<esp::NamedValue> row = row_of(table, i);
    different +=
        same_bits(predictor.features(), row, state, data, static_cast<std::size_t>(i)) ? 0 : 1;
    const auto one = static_cast<double>(predictor.predict_row(row, state)[0]);
    const auto of_all = static_cast<double>(all.values[0][static_cast<std::size_t>(i)]);
    CHECK(one == doctest::Approx(of_all).epsilon(1e-5));
    state.observe(row, std::vector<esp::NamedValue>{
                           {"click", table.numbers("click")[static_cast<std::size_t>(i)]}});
  }
  CHECK(different == 0);
}

TEST_CASE("ServingState: saved and loaded it answers the same, and is what a table goes on from") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const esp::Predictor<Visits> predictor(saved().path);
  esp::ServingState state = predictor.initial_state();
  esp::Table later = visits(300, 800, 7), again = later;
  state.observe(esp::Dataset(visits(100, 800, 6)));
  state.save(folder / "state");
  esp::ServingState loaded = predictor.load_state(folder / "state");
  state.add_to(later);
  loaded.add_to(again);
  CHECK_FALSE(later.history->from_nothing);
  const esp::Predictions a = predictor.predict(esp::Dataset(later)),
                         b = predictor.predict(esp::Dataset(again));
  CHECK(a.values == b.values);
  // A table without earlier rows is rejected: its inputs would be silently wrong.
  esp::Table alone = visits(300, 850, 7);
  esp::add_history<Visits>(alone);
  CHECK(failure<esp::DataError>([&] {
          static_cast<void>(predictor.predict(esp::Dataset(alone)));
        }).starts_with("table: its rows begin at 850, after what training knows (until 799)"));
  // Fine-tuning continues from the stored history.
  esp::Trainer<Visits> trainer(quick_options());
  trainer.load(saved().path);
  trainer.fit(esp::Dataset(later));
  CHECK(trainer.features().state().history->last() == 949);
  CHECK(trainer.features().state().history->daily()[0].totals().totals().index.size() > 10);
}

TEST_CASE("ServingState: what does not fit is refused by name, and nothing has changed") {
  const esp::Predictor<Visits> predictor(saved().path);
  esp::ServingState state = predictor.initial_state();
  const std::vector<esp::NamedValue> row = row_of(saved().table, 1999);
  const std::vector<float> before = predictor.predict_row(row, state);
  const auto refused = [&](auto action) { return failure<esp::ConfigError>(action); };
  CHECK(refused([&] {
          state.observe({{"user", 1}, {"time", 3}});
        }) ==
        "row: 'day' is missing, expected a day, as inputs of the rows before go by it: a number, "
        "or a text as 2022-05-08");
  CHECK(refused([&] {
          state.observe({{"user", 1}, {"day", "May"}, {"time", 3}});
        }).starts_with("row: 'day' is 'May', expected a day"));
  CHECK(refused([&] {
          state.observe(row, std::vector<esp::NamedValue>{{"clack", 1}});
        }) == "label 'clack' is none that inputs go by; they go by 'click'");
  CHECK(refused([&] {
          state.observe(row, std::vector<esp::NamedValue>{{"click", "yes"}});
        }) == "label 'click' is 'yes', expected a number");
  CHECK(refused([&] {
          state.observe({{"usr", 1}});
        }).starts_with("row: 'usr' is not an input of the model, which reads 'user', 'x', "));
  CHECK(refused([&] { static_cast<void>(predictor.predict_row(row)); })
            .starts_with("row: 'mean_click_by_user' is not given, which knows of the rows before: "
                         "predict_row(row, state) makes it"));
  CHECK(predictor.predict_row(row, state) == before);
  CHECK(predictor
            .predict_row({{"user", 1},
                          {"x", 0.5},
                          {"mean_click_by_user", 0.2},
                          {"count_by_user", 3},
                          {"mean_click_by_user_place", 0.1},
                          {"since_previous_by_user", 4},
                          {"earlier_rows_by_user_day", 0}})
            .size() == 1);
}

TEST_CASE("ServingState: rows and labels as lists or as vectors; a label is given once") {
  const esp::Predictor<Visits> predictor(saved().path);
  const std::vector<esp::NamedValue> row = row_of(saved().table, 1999), click{{"click", 1}};
  const auto last_sums = [&](auto observe) {
    esp::ServingState state = predictor.empty_state();
    observe(state);
    return last_day(state);
  };
  // Rows, labels and label sum, of the key and of all rows.
  const std::vector<double> expected{1, 1, 1, 1, 1, 1};
  CHECK(last_sums([&](esp::ServingState& s) { s.observe(row, {{"click", 1}}); }) == expected);
  CHECK(last_sums([&](esp::ServingState& s) { s.observe(row, click); }) == expected);
  CHECK(last_sums([&](esp::ServingState& s) {
          s.observe(row), s.observe_labels(row, {{"click", 1}});
        }) == expected);
  CHECK(last_sums([&](esp::ServingState& s) {
          s.observe({{"user", 1}, {"day", 1}, {"time", 1}}, {{"click", 1}});
        }) == expected);
  esp::ServingState state = predictor.empty_state();
  CHECK(failure<esp::ConfigError>([&] {
          state.observe(row, {{"click", 1}, {"click", 0}});
        }) == "label 'click' is given twice");
}

TEST_CASE("ServingState: a file without labels is read, goes on from the state, and is predicted") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "later.csv";
  esp::Table written = visits(2, 800, 5);
  written.remove("click");
  esp::write_csv(path, written);
  const esp::Predictor<Visits> predictor(saved().path);
  esp::ServingState state = predictor.initial_state(), one = predictor.initial_state();
  esp::Table table = esp::read_inputs<Visits>(path).table();
  state.add_to(table);
  const esp::Predictions p = predictor.predict(esp::Dataset(std::move(table)));
  for (const esp::Index i : {0, 1}) {
    const std::vector<esp::NamedValue> row = row_of(written, i);
    const auto of_table = static_cast<double>(p.of("click")[static_cast<std::size_t>(i)]);
    CHECK(of_table ==
          doctest::Approx(static_cast<double>(predictor.predict_row(row, one)[0])).epsilon(1e-5));
    one.observe(row);
  }
  CHECK(last_day(state) == last_day(one));
}

TEST_CASE("ServingState: a file of another model, or none") {
  struct Other : esp::MultiTaskModel<esp::Inputs<esp::CountOf<esp::By<"user">, esp::Before<"day">>>,
                                     esp::SharedBottom<esp::Mlp<8>>, Click> {};
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::Table table = visits(100, 0, 3);
  esp::add_history<Other>(table);
  esp::Trainer<Other> trainer(quick_options());
  trainer.fit(esp::Dataset(table));
  trainer.save(folder / "other");
  const esp::Predictor<Other> other(folder / "other");
  other.initial_state().save(folder / "state");
  const esp::Predictor<Visits> predictor(saved().path);
  CHECK(failure<esp::CheckpointError>(
            [&] { static_cast<void>(predictor.load_state(folder / "state")); }) ==
        folder / "state" +
            ": what it knows of the rows before is 1 groups of daily, expected 2 groups of daily");
  // A model file has a state, too.
  CHECK(failure<esp::CheckpointError>(
            [&] { static_cast<void>(predictor.load_state(saved().path)); }) == "no error");
  predictor.initial_state().save(folder / "whole");
  const std::string days = "\"open\":[6,7]";  // preceded by "closed":5
  for (const std::string given : {"[7,7]", "[7,6]", "[5,7]", "[6,7,8]"}) {
    Contents contents(folder / "whole");
    std::string& history = contents.metadata.at("history");
    REQUIRE(history.find(days) != std::string::npos);
    history.replace(history.find(days), days.size(), "\"open\":" + given);
    contents.write(folder / "days");
    CHECK(failure<esp::CheckpointError>(
              [&] { static_cast<void>(predictor.load_state(folder / "days")); })
              .ends_with("the open days " + given +
                         " of 'history/daily0', expected at most 2 that ascend, after 5"));
  }
  const esp::ServingState wrong = other.initial_state();
  CHECK(
      failure<esp::ConfigError>(
          [&] { static_cast<void>(predictor.predict_row(row_of(table, 0), wrong)); }) ==
      "the state is of a model with other inputs: expected one of initial_state() or load_state()");
  // Rejected even if the inputs have the same names: the days would be looked up in missing
  // columns.
  using OfWeeks = esp::Inputs<esp::CountOf<esp::By<"user">, esp::Before<"time">>>;
  struct Weekly : esp::MultiTaskModel<OfWeeks, esp::SharedBottom<esp::Mlp<8>>, Click> {};
  esp::Table more = visits(100, 0, 3);
  esp::add_history<Weekly>(more);
  esp::Trainer<Weekly> weekly(quick_options());
  weekly.fit(esp::Dataset(more));
  weekly.save(folder / "weekly");
  const esp::ServingState weeks = esp::Predictor<Weekly>(folder / "weekly").initial_state();
  CHECK(weeks.history().names() == wrong.history().names());
  CHECK(failure<esp::ConfigError>([&] {
          static_cast<void>(other.predict_row({{"user", 1}, {"day", 2}}, weeks));
        }).starts_with("the state is of a model with other inputs"));
}
