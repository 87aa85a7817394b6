// SPDX-License-Identifier: Apache-2.0
// Inputs computed from earlier rows: compared with a slow reference, without leakage, and equal row
// by row.
#include "espalier/data/row_history.hpp"

#include <map>

#include "espalier/core/random.hpp"
#include "espalier/data/day.hpp"
#include "espalier/data/features.hpp"
#include "espalier/describe/inputs.hpp"
#include "helpers.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;

namespace {

using User = By<"user">;
using UserTab = By<"user", "tab">;
using In = Inputs<MeanOf<"click", User, Before<"date">>,
                  MeanOf<"seconds", UserTab, Before<"date">, Smoothing<3>>,
                  CountOf<UserTab, Before<"date">>, SincePrevious<User, "time">,
                  SincePrevious<User, "time", Nth<2>>, EarlierRows<By<"user", "date">, "time">,
                  Bucketed<MeanOf<"click", User, Before<"date">>, 4, 2>>;

/// Rows in random order of time; the last rows of a day come after the first rows of the next day.
Table log_of(Index rows, std::uint64_t seed, int users = 9) {
  Random random(seed);
  const auto n = static_cast<std::size_t>(rows);
  std::vector<std::string> user(n), tab(n);
  std::vector<double> date(n), time(n), click(n), seconds(n);
  for (std::size_t i = 0; i < n; ++i) {
    user[i] = random.bernoulli(0.05)
                  ? ""
                  : "u" + std::to_string(random.below(static_cast<std::uint64_t>(users)));
    tab[i] = std::to_string(random.below(3));
    time[i] = static_cast<double>(random.below(800)) * 10;
    date[i] = std::floor((time[i] + random.uniform(-60, 60)) / 1000);
    click[i] = random.bernoulli(0.1) ? std::nan("") : random.bernoulli(0.4) ? 1 : 0;
    seconds[i] = random.normal();
  }
  Table table;
  table.add("user", user);
  table.add("tab", tab);
  table.add("date", date);
  table.add("time", time);
  table.add("click", click);
  table.add("seconds", seconds);
  return table;
}

/// The sum and number of labels, and the number of rows, over the rows that precede row `i` in time
/// and belong to an earlier day.
struct Sums {
  double sum = 0, count = 0, rows = 0;
};
template <class Same>
Sums sums_before(const Table& t, std::size_t i, const std::vector<double>& label, Same same) {
  Sums s;
  const auto& time = t.numbers("time");
  const auto& date = t.numbers("date");
  for (std::size_t j = 0; j < time.size(); ++j) {
    if (!(time[j] < time[i] || (time[j] == time[i] && j < i)) || !(date[j] < date[i]) || !same(j))
      continue;
    s.rows += 1;
    if (std::isnan(label[j])) continue;
    s.sum += label[j];
    s.count += 1;
  }
  return s;
}

void same_numbers(double a, double b) {
  if (std::isnan(b)) {
    CHECK(std::isnan(a));
  } else {
    CHECK(a == doctest::Approx(b).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("RowHistory: what a slow reference finds") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Table t = log_of(400, seed);
    RowHistory(In::fields).add_to(t);
    const auto& click = t.numbers("click");
    const auto& seconds = t.numbers("seconds");
    const auto& time = t.numbers("time");
    const auto& date = t.numbers("date");
    const Column& user = t.column("user");
    const Column& tab = t.column("tab");
    const auto all = [](std::size_t) { return true; };
    for (std::size_t i = 0; i < click.size(); ++i) {
      CAPTURE(i);
      const auto same_user = [&](std::size_t j) { return user.codes[i] == user.codes[j]; };
      const auto same_both = [&](std::size_t j) {
        return same_user(j) && tab.codes[i] == tab.codes[j];
      };
      Sums of = sums_before(t, i, click, same_user), whole = sums_before(t, i, click, all);
      same_numbers(t.numbers("mean_click_by_user")[i],
                   (of.sum + 20 * whole.sum / whole.count) / (of.count + 20));
      of = sums_before(t, i, seconds, same_both), whole = sums_before(t, i, seconds, all);
      same_numbers(t.numbers("mean_seconds_by_user_tab")[i],
                   (of.sum + 3 * whole.sum / whole.count) / (of.count + 3));
      CHECK(t.numbers("count_by_user_tab")[i] == of.rows);
      std::vector<std::pair<double, std::size_t>> before;
      double today = 0;
      for (std::size_t j = 0; j < click.size(); ++j) {
        if (!same_user(j) || !(time[j] < time[i] || (time[j] == time[i] && j < i))) continue;
        before.emplace_back(time[j], j);
        today += date[j] == date[i] ? 1 : 0;
      }
      std::sort(before.begin(), before.end());
      const auto nth = [&](std::size_t back) {
        return before.size() < back ? std::nan("") : time[i] - before[before.size() - back].first;
      };
      same_numbers(t.numbers("since_previous_by_user")[i], nth(1));
      same_numbers(t.numbers("since_previous_2_by_user")[i], nth(2));
      CHECK(t.numbers("earlier_rows_by_user_date")[i] == today);
    }
  }
}

TEST_CASE("RowHistory: a small log by hand") {
  using Few =
      Inputs<MeanOf<"y", By<"k">, Before<"day">, Smoothing<1>>, CountOf<By<"k">, Before<"day">>>;
  Table t;
  t.add("k", std::vector<std::string>{"a", "b", "a", "a", "b", "c"});
  t.add("day", std::vector<double>{1, 1, 2, 2, 3, 3});
  t.add("y", std::vector<double>{1, 0, 0, 1, 1, 1});
  RowHistory(Few::fields).add_to(t);
  CHECK(cells(t, "count_by_k") == "0 0 1 1 1 0");
  // Day 2: all ½, a (1 + ½) / 2. Day 3: all ½ of four rows, b (0 + ½) / 2, c ½.
  CHECK(cells(t, "mean_y_by_k") == "– – 0.75 0.75 0.25 0.5");
}

TEST_CASE(
    "RowHistory: labels of the same or later days change nothing, rows of later times neither") {
  const Table before = log_of(500, 4);
  Table t = before;
  RowHistory(In::fields).add_to(t);
  Random random(9);
  for (int round = 0; round < 20; ++round) {
    const double day = static_cast<double>(random.below(8));
    Table changed = before;
    std::vector<double> click = before.numbers("click"), seconds = before.numbers("seconds");
    for (std::size_t i = 0; i < click.size(); ++i) {
      if (before.numbers("date")[i] < day) continue;
      click[i] = random.bernoulli(0.5) ? 1 : 0;
      seconds[i] = 100 * random.normal();
    }
    for (const char* name : {"click", "seconds"}) changed.remove(name);
    changed.add("click", click);
    changed.add("seconds", seconds);
    RowHistory(In::fields).add_to(changed);
    bool any_differs = false;
    const std::vector<std::string> names = RowHistory(In::fields).names();
    for (const std::string& name : names) {
      for (std::size_t i = 0; i < click.size(); ++i) {
        const double a = t.numbers(name)[i], b = changed.numbers(name)[i];
        const bool same = a == b || (std::isnan(a) && std::isnan(b));
        if (before.numbers("date")[i] <= day) CHECK(same);
        any_differs = any_differs || !same;
      }
    }
    if (day < 6) CHECK(any_differs);  // labels of later days have an effect
  }
}

TEST_CASE("RowHistory: row by row it gives the bits of a table") {
  Table t = log_of(600, 5);
  const Table raw = t;
  RowHistory history(In::fields);
  history.add_to(t);
  RowHistory one(In::fields);
  const HistoryColumns& columns = one.columns();
  CHECK(columns.keys == std::vector<std::string>{"user", "tab", "date"});
  CHECK(columns.labels == std::vector<std::string>{"click", "seconds"});
  std::vector<std::size_t> order(600);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto& time = raw.numbers("time");
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return time[a] < time[b]; });
  std::vector<double> out(one.names().size());
  for (const std::size_t i : order) {
    RowKeys row;
    const auto at = static_cast<Index>(i);
    row.keys = {hash_text(raw.column("user").at(at)), hash_text(raw.column("tab").at(at)),
                hash_text(number_text(raw.numbers("date")[i]))};
    row.days = {raw.numbers("date")[i]};
    row.time = time[i];
    one.read(row, out.data());
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double expected = t.numbers(one.names()[k])[i];
      CHECK((out[k] == expected || (std::isnan(out[k]) && std::isnan(expected))));
    }
    const double labels[]{raw.numbers("click")[i], raw.numbers("seconds")[i]};
    if (i % 2 == 0) {
      one.add(row, labels);
    } else {  // labels may come later, before the next day
      one.add(row, nullptr);
      one.add_labels(row, labels);
    }
  }
  CHECK(one.last() == history.last());
}

TEST_CASE("DailyTotals: days in the making are told apart, a row that comes later reads nothing") {
  DailyTotals totals(1);
  const double one = 1;
  const auto read = [&](double day) {
    double sum = -1;
    totals.read(7, day, &sum);
    return sum;
  };
  for (const double day : {1.0, 2.0, 1.0, 3.0, 2.0}) totals.add(7, day, &one);
  CHECK(read(1) == 0);  // day 1 is closed: the totals include it
  CHECK_FALSE(totals.knows(1));
  CHECK(read(2) == 2);
  CHECK(read(3) == 4);
  CHECK(read(4) == 5);
  totals.add(7, 0.5, &one);  // an already closed day: counts from now on
  CHECK(read(2) == 3);
  CHECK(totals.last_closed() == 1);
  totals.add(7, 2.5, &one);  // between two open days
  CHECK(read(3) == 6);
  CHECK(totals.last_closed() == 2);
  totals.add(7, 2.25, &one);  // before both open days: closed at once
  CHECK(totals.last_closed() == 2.25);
  CHECK(read(2.5) == 6);
  CHECK(read(3) == 7);
  CHECK(read(4) == 8);
  // The saved state is complete: day 2.5 was opened after day 3.
  REQUIRE(totals.open().size() == 2);
  CHECK(totals.open()[0].day == 2.5);
  const KeyTotals known = totals.totals();
  totals.restore(known, totals.last_closed(), totals.open());
  totals.add(7, 4, &one);
  CHECK(totals.last_closed() == 2.5);
  CHECK(read(3) == 7);
  CHECK(read(4) == 8);
  CHECK(read(5) == 9);
}

TEST_CASE(
    "RowHistory: of a row that comes too late nothing is known, nor that there were no rows") {
  using Few = Inputs<MeanOf<"y", By<"k">, Before<"day">>, CountOf<By<"k">, Before<"day">>,
                     EarlierRows<By<"k">, "time">>;
  Table t;
  t.add("k", std::vector<std::string>{"a", "a", "a", "a", "a"});
  t.add("day", std::vector<double>{1, 2, 3, 1, 2});
  t.add("time", std::vector<double>{1, 2, 3, 4, 5});
  t.add("y", std::vector<double>{1, 1, 1, 1, 1});
  RowHistory(Few::fields).add_to(t);
  CHECK(cells(t, "count_by_k") == "0 1 2 – 2");  // day 3 closes day 1
  CHECK(cells(t, "mean_y_by_k") == "– 1 1 – 1");
  CHECK(cells(t, "earlier_rows_by_k") == "0 1 2 3 4");
}

TEST_CASE("RowHistory: a table without rows gets the columns, whatever the inputs go by") {
  const auto columns = [](std::span<const FieldInfo> fields) {
    Table t;
    t.add("k", std::vector<std::string>{});
    t.add("day", std::vector<double>{});
    t.add("time", std::vector<double>{});
    RowHistory(fields).add_to(t);
    return t.columns().size();
  };
  CHECK(columns(Inputs<EarlierRows<By<"k">, "time">>::fields) == 4);
  CHECK(columns(Inputs<CountOf<By<"k">, Before<"day">>>::fields) == 4);
}

TEST_CASE(
    "RowHistory: labels that later rows lack are not known yet; of a first table they are asked "
    "for") {
  using Few =
      Inputs<MeanOf<"y", By<"k">, Before<"day">, Smoothing<0>>, CountOf<By<"k">, Before<"day">>>;
  const auto rows = [](double day, bool labels) {
    Table t;
    t.add("k", std::vector<std::string>{"a", "a"});
    t.add("day", std::vector<double>{day, day + 1});
    if (labels) t.add("y", std::vector<double>{1, 1});
    return t;
  };
  RowHistory history(Few::fields);
  Table first = rows(1, false), later = rows(3, false);
  CHECK(failure<DataError>([&] { history.add_to(first); }) ==
        "table: no column 'y'; there are 'k', 'day'");
  first = rows(1, true);
  history.add_to(first);
  history.add_to(later);
  CHECK(cells(later, "mean_y_by_k") == "1 1");
  CHECK(cells(later, "count_by_k") == "2 3");
}

TEST_CASE("RowHistory: inputs are the same where names, columns, days and smoothing are") {
  using A = Inputs<MeanOf<"y", By<"a">, Before<"day">>, CountOf<By<"b">, Before<"day">>>;
  using B = Inputs<MeanOf<"y", By<"a">, Before<"day">>, CountOf<By<"b">, Before<"week">>>;
  using C =
      Inputs<MeanOf<"y", By<"a">, Before<"day">, Smoothing<5>>, CountOf<By<"b">, Before<"day">>>;
  const RowHistory a(A::fields), b(B::fields), c(C::fields);
  CHECK(a.names() == b.names());  // the names are equal
  CHECK(a.names() == c.names());
  CHECK(a.same_inputs(RowHistory(A::fields)));
  CHECK_FALSE(a.same_inputs(b));
  CHECK_FALSE(a.same_inputs(c));
}

TEST_CASE("days and times: numbers or texts, anything else is refused with its place") {
  CHECK(day_of("1970-01-01") == 0);
  CHECK(day_of("2022-05-08") == 19120);
  CHECK(day_of("2022-05-08 23:59") == 19120);
  CHECK(seconds_of("1970-01-02T00:00:01.5Z") == 86401.5);
  CHECK(seconds_of("2024-02-29 12:30:05") == 1709209805);
  CHECK(seconds_of("2024-02-29 12:30:05.25") == 1709209805.25);
  CHECK_FALSE(seconds_of("2024-02-29 12:30:05."));
  for (const char* text : {"", "2022-5-8", "2023-02-29", "2022-05-08 24:00", "2022-05-08 12",
                           "2022-05-08x", "2022-05-08 12:00:61", "08.05.2022"}) {
    CAPTURE(text);
    CHECK_FALSE(seconds_of(text));
  }
  using Few = Inputs<CountOf<By<"k">, Before<"day">>>;
  Table t;
  t.source = "log.csv";
  t.add("k", std::vector<std::string>{"a", "a", "a"});
  t.add("day", std::vector<std::string>{"2022-05-08", "2022-05-09", "2022-05-08"});
  Table numbers;
  numbers.add("k", std::vector<std::string>{"a", "a", "a"});
  numbers.add("day", std::vector<double>{8, 9, 8});
  RowHistory(Few::fields).add_to(numbers);
  Table texts = t;
  RowHistory(Few::fields).add_to(texts);
  CHECK(cells(texts, "count_by_k") == "0 2 0");
  CHECK(cells(numbers, "count_by_k") == "0 2 0");
  t.remove("day");
  t.add("day", std::vector<std::string>{"2022-05-08", "", "2022-05-08"});
  CHECK(failure<DataError>([&] { RowHistory(Few::fields).add_to(t); }) ==
        "log.csv, row 2: column 'day' is missing, expected a day, as inputs of the rows before go "
        "by it: a number, or a text as 2022-05-08");
  t.remove("day");
  t.add("day", std::vector<std::string>{"2022-05-08", "May 9", "2022-05-08"});
  CHECK(failure<DataError>([&] { RowHistory(Few::fields).add_to(t); }) ==
        "log.csv, row 2: column 'day' is 'May 9', expected a day, as inputs of the rows before go "
        "by it: a number, or a text as 2022-05-08");
  CHECK(failure<DataError>([&] { RowHistory(Few::fields).add_to(numbers); }) ==
        "table: there already is a column 'count_by_k', which knows of the rows before");
}

TEST_CASE(
    "Features: columns of the rows before are asked for, and may not begin with nothing after "
    "training") {
  using Few = Inputs<MeanOf<"y", By<"k">, Before<"day">>>;
  const auto table = [](double first_day) {
    Table t;
    t.source = "day.csv";
    t.add("k", std::vector<std::string>{"a", "b", "a"});
    t.add("day", std::vector<double>{first_day, first_day, first_day + 1});
    t.add("y", std::vector<double>{1, 0, 1});
    return t;
  };
  Features features({Few::fields, {}});
  CHECK(failure<DataError>([&] { features.fit(Dataset(table(1))); }) ==
        "day.csv: no column 'mean_y_by_k', which knows of the rows before: "
        "add_history<Model>(table) adds it to a whole log before that "
        "is split, ServingState::add_to(table) to rows that came later");
  Table train = table(1);
  RowHistory(Few::fields).add_to(train);
  const Dataset data(train);
  features.fit(data);
  features.learn_history(data, {});
  CHECK(features.encode_inputs(data).size() == 3);
  Table later = table(3);
  RowHistory(Few::fields).add_to(later);
  CHECK(failure<DataError>([&] { static_cast<void>(features.encode_inputs(Dataset(later))); }) ==
        "day.csv: its rows begin at 3, after what training knows (until 2), and 'mean_y_by_k' "
        "knows of none of that: expected a table that "
        "ServingState::add_to(table) went on with, or one of the whole log");
  later = table(3);
  RowHistory known = *features.state().history;
  known.add_to(later);
  CHECK(features.encode_inputs(Dataset(later)).size() == 3);
  // a: two labels, both 1; mean of all: 2/3.
  CHECK(later.numbers("mean_y_by_k")[0] == doctest::Approx((2 + 20 * 2.0 / 3) / 22).epsilon(1e-15));
  // A validation split in a table of its own is rejected, too; one of the same days cannot be
  // detected.
  Features anew({Few::fields, {}});
  anew.fit(data);
  Table valid = table(3), beside = table(1);
  RowHistory(Few::fields).add_to(valid);
  RowHistory(Few::fields).add_to(beside);
  CHECK(failure<DataError>([&] {
          anew.learn_history(data, Dataset(valid));
        }).starts_with("day.csv: its rows begin at 3, after"));
  CHECK_FALSE(anew.state().history);
  anew.learn_history(data, Dataset(beside));
  CHECK(anew.state().history->last() == 2);
  // Appending to an empty table keeps the history.
  Table whole;
  whole.append(valid);
  CHECK(whole.history->first == 3);
}

TEST_CASE("Features: strict does not refuse a row before which there was none, and counts it") {
  using Few = Inputs<SincePrevious<By<"k">, "time">, Bucketed<SincePrevious<By<"k">, "time">, 2, 2>,
                     Numeric<"x">>;
  Table t;
  t.add("k", std::vector<std::string>{"a", "b", "a"});
  t.add("time", std::vector<double>{1, 2, 3});
  t.add("x", std::vector<double>{1, 2, 3});
  RowHistory history(Few::fields);
  history.add_to(t);
  Features features({Few::fields, {}});
  features.fit(Dataset(t));
  std::vector<InputEvent> found;
  static_cast<void>(features.encode_inputs(Dataset(t), {&found, true, false}));
  CHECK(found.size() == 2);
  CHECK(found[0].rows == 2);
  const std::vector<NamedValue> row{{"k", "new"}, {"time", 9}, {"x", 2}};
  CHECK(features.encode(row, {&found, true, false}, &history).size() == 1);
  CHECK(found.size() == 4);
  const std::vector<NamedValue> without_x{{"k", "a"}, {"time", 5}};
  CHECK(failure<ConfigError>([&] {
          static_cast<void>(features.encode(without_x, {&found, true, false}, &history));
        }) == "input 'x' is missing, expected a value");
}
