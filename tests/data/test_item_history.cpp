// SPDX-License-Identifier: Apache-2.0
// Past items as inputs: compared with a slow reference, equal row by row and in any order of rows
// and labels, and bounded.
#include "espalier/data/item_history.hpp"

#include "espalier/core/random.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/describe/inputs.hpp"
#include "espalier/describe/past_items.hpp"
#include "helpers.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;

namespace {

template <class... Options>
using Past = PastItems<"user", "video", "time", 4, Options...>;

template <class... Sources>
RowHistory history_of() {
  static const std::array<FieldInfo, sizeof...(Sources)> fields{Sources::info()...};
  return RowHistory(fields);
}

/// Rows in random order of time. Several rows of a user have the same time, unless `differ`.
Table log_of(std::size_t rows, std::uint64_t seed, bool differ = false) {
  Random random(seed);
  std::vector<std::string> user(rows), video(rows);
  std::vector<double> time(rows), click(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    user[i] = random.bernoulli(0.1) ? "" : "u" + std::to_string(random.below(5));
    video[i] = random.bernoulli(0.1) ? "" : std::to_string(random.below(30));
    time[i] = static_cast<double>(random.below(rows / 4));
    click[i] = random.bernoulli(0.1) ? std::nan("") : random.bernoulli(0.5) ? 1 : 0;
  }
  for (std::size_t i = 0; differ && i < rows; ++i) time[i] = static_cast<double>(i);
  for (std::size_t i = rows; differ && i > 1; --i)
    std::swap(time[i - 1], time[static_cast<std::size_t>(random.below(i))]);
  Table table;
  table.add("user", user);
  table.add("video", video);
  table.add("time", time);
  table.add("click", click);
  return table;
}

std::vector<std::size_t> in_order(const Table& t) {
  std::vector<std::size_t> order(static_cast<std::size_t>(t.rows()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::vector<double>& time = t.numbers("time");
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return time[a] < time[b]; });
  return order;
}

/// The cell of row `i`, from all rows.
std::string reference(const Table& t, std::size_t i, double delay, bool clicked) {
  const auto at = [&](const char* name, std::size_t row) {
    return t.column(name).at(static_cast<Index>(row));
  };
  const std::vector<double>& time = t.numbers("time");
  std::vector<std::string> items;
  for (const std::size_t j : in_order(t)) {
    if (at("user", i).empty() || at("user", j) != at("user", i) || at("video", j).empty()) continue;
    if (!(time[j] < time[i]) || time[i] - time[j] < delay) continue;
    if (!clicked || t.numbers("click")[j] > 0) items.emplace_back(at("video", j));
  }
  std::string cell;
  for (std::size_t k = items.size() - std::min<std::size_t>(4, items.size()); k < items.size(); ++k)
    cell += (cell.empty() ? "" : "|") + items[k];
  return cell;
}

RowKeys keys_of(const Table& t, std::size_t i) {
  const auto at = static_cast<Index>(i);
  RowKeys row;
  row.keys = {hash_text(t.column("user").at(at))};
  row.time = t.numbers("time")[i];
  row.items = {std::string(t.column("video").at(at))};
  return row;
}

std::string cell_of(const RowHistory& history, const RowKeys& row) {
  return history.read_cells(row)[0];
}

/// No key has more than 4 rows that count and are over the delay, and none that waits.
bool is_bounded(const ItemHistory& group, double delay) {
  for (const std::vector<ItemHistory::Row>& rows : group.rows()) {
    std::size_t settled = 0;
    for (const ItemHistory::Row& row : rows) {
      const double age = rows.back().time - row.time;
      if (age <= 0 || age < delay) continue;
      if (row.counts == 0) return false;
      ++settled;
    }
    if (settled > 4) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("ItemHistory: what a slow reference finds, in tables and row by row") {
  const auto check = [](RowHistory history, double delay, bool clicked) {
    for (const std::uint64_t seed : {1U, 2U}) {
      CAPTURE(delay);
      Table t = log_of(400, seed);
      RowHistory of_table = history, one = history;
      of_table.add_to(t);
      const Column& past = t.column("past_video");
      int filled = 0, different = 0;
      for (const std::size_t i : in_order(t)) {
        const std::string expected = reference(t, i, delay, clicked);
        const std::string_view found = past.at(static_cast<Index>(i));
        filled += expected.empty() ? 0 : 1;
        different += found == expected ? 0 : 1;
        different += cell_of(one, keys_of(t, i)) == expected ? 0 : 1;
        const double click = t.numbers("click")[i];
        one.add(keys_of(t, i), &click);
        CHECK(is_bounded(one.items()[0], delay));
      }
      CHECK(filled > 100);
      CHECK(different == 0);
      CHECK(one.last() == of_table.last());
      CHECK(one.same_inputs(of_table));
    }
  };
  check(history_of<Past<>>(), 0, false);
  check(history_of<Past<Delay<7>>>(), 7, false);
  check(history_of<Past<OnlyWhere<"click">>>(), 0, true);
  check(history_of<Past<OnlyWhere<"click">, Delay<7>>>(), 7, true);
}

TEST_CASE("ItemHistory: conditions that arrive within the delay, in any order, change nothing") {
  RowHistory history = history_of<Past<OnlyWhere<"click">, Delay<6>>>();
  const Table t = log_of(600, 3);
  Random random(4);
  std::vector<std::size_t> open;  // rows whose condition is not known yet
  int different = 0, waited = 0;
  const auto tell = [&](std::size_t k) {
    const double click = t.numbers("click")[open[k]];
    history.add_labels(keys_of(t, open[k]), &click);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
  };
  for (const std::size_t i : in_order(t)) {
    const double now = t.numbers("time")[i];
    for (std::size_t k = open.size(); k-- > 0;) {
      if (now - t.numbers("time")[open[k]] >= 6) tell(k);
    }
    different += cell_of(history, keys_of(t, i)) == reference(t, i, 6, true) ? 0 : 1;
    history.add(keys_of(t, i), nullptr);
    open.push_back(i);
    waited += static_cast<int>(open.size());
    if (random.bernoulli(0.7)) tell(static_cast<std::size_t>(random.below(open.size())));
  }
  CHECK(different == 0);
  CHECK(waited > 3000);
}

TEST_CASE("ItemHistory: a condition that arrives later counts from then on, at its time") {
  RowHistory history = history_of<Past<OnlyWhere<"click">>>();
  const auto row = [](double time, const char* video) {
    return RowKeys{{hash_text("u1")}, {}, time, {video}};
  };
  const double yes = 1, no = 0;
  history.add(row(1, "a"), nullptr);
  history.add(row(2, "b"), &yes);
  history.add(row(3, "c"), &yes);
  CHECK(cell_of(history, row(9, "")) == "b|c");
  history.add_labels(row(1, "a"), &yes);
  CHECK(cell_of(history, row(9, "")) == "a|b|c");
  CHECK(cell_of(history, row(3, "")) == "a|b");
  history.add(row(9, "d"), nullptr);
  history.add_labels(row(9, "d"), &no);
  history.add_labels(row(8, "e"), &no);
  CHECK(cell_of(history, row(10, "")) == "a|b|c");
  CHECK(history.items()[0].rows()[0].size() == 3);
}

TEST_CASE("ItemHistory: rows that are added late, in any order, change nothing for later rows") {
  RowHistory history = history_of<Past<Delay<25>>>();
  const Table t = log_of(500, 5, true);
  Random random(6);
  std::vector<std::size_t> open;
  int different = 0, backwards = 0;
  double latest = 0;
  for (const std::size_t i : in_order(t)) {
    const double now = t.numbers("time")[i];
    for (std::size_t k = open.size(); k-- > 0;) {
      const double time = t.numbers("time")[open[k]];
      if (now - time < 25 && !random.bernoulli(0.05)) continue;
      backwards += time < latest ? 1 : 0;
      latest = std::max(latest, time);
      history.add(keys_of(t, open[k]), nullptr);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
    }
    different += cell_of(history, keys_of(t, i)) == reference(t, i, 25, false) ? 0 : 1;
    open.push_back(i);
  }
  CHECK(different == 0);
  CHECK(backwards > 100);
}

TEST_CASE("ItemHistory: a row before rows that are known reads no later one") {
  RowHistory history = history_of<Past<>>();
  const auto row = [](double time, const char* video) {
    return RowKeys{{hash_text("u1")}, {}, time, {video}};
  };
  for (int i = 1; i <= 9; ++i) history.add(row(i, std::to_string(i).c_str()), nullptr);
  CHECK(cell_of(history, row(10, "")) == "6|7|8|9");
  CHECK(cell_of(history, row(7, "")) == "5|6");  // 3 and 4 are gone
  CHECK(cell_of(history, row(1, "")) == "");
}

TEST_CASE("ItemHistory: several inputs; the rows of a table are known afterwards") {
  using Clicked = Past<OnlyWhere<"click">, Named<"clicked">, Separator<' '>>;
  RowHistory history = history_of<Past<>, Clicked, EarlierRows<By<"user">, "time">>();
  CHECK(history.cell_names() == std::vector<std::string>{"past_video", "clicked"});
  CHECK(history.names() == std::vector<std::string>{"earlier_rows_by_user"});
  CHECK(history.columns().items == std::vector<std::string>{"video"});
  Table t;
  t.add("user", std::vector<std::string>{"a", "a", "b", "a"});
  t.add("video", std::vector<double>{7, 8, 9, 7});
  t.add("time", std::vector<double>{1, 2, 3, 4});
  t.add("click", std::vector<double>{1, 0, 1, 1});
  Table later = t, other = t;
  history.add_to(t);
  CHECK(cells(t, "past_video") == "– 7 – 7|8");
  CHECK(cells(t, "clicked") == "– 7 – 7");
  CHECK(cells(t, "earlier_rows_by_user") == "0 1 0 2");
  CHECK(t.history->from_nothing);
  later.remove("time");
  later.remove("click");  // not known yet
  later.add("time", std::vector<double>{11, 12, 13, 14});
  history.add_to(later);
  CHECK(cells(later, "past_video") == "7|8|7 7|8|7|7 9 8|7|7|8");
  CHECK(cells(later, "clicked") == "7 7 7 7 9 7 7");
  CHECK_FALSE(later.history->from_nothing);
  RowHistory again = history_of<Past<>, Clicked, EarlierRows<By<"user">, "time">>();
  again.add_rows(other, {3, 0, 1, 2, 2});
  CHECK(again.read_cells({{hash_text("a")}, {}, 9, {""}}) ==
        std::vector<std::string>{"7|8|7", "7 7"});
}

TEST_CASE("ItemHistory: what is refused, and then nothing has changed") {
  const auto said = [](RowHistory history, const Table& table) {
    Table copy = table;
    const std::string text = failure<DataError>([&] { history.add_to(copy); });
    CHECK(copy.history.has_value() == (text == "no error"));
    return text;
  };
  Table t;
  t.add("user", std::vector<std::string>{"a", "a"});
  t.add("video", std::vector<std::string>{"v1", "v|2"});
  t.add("time", std::vector<double>{1, 2});
  t.add("click", std::vector<double>{1, std::numeric_limits<double>::infinity()});
  CHECK(said(history_of<Past<>>(), t) ==
        "table, row 2: column 'video' is 'v|2', which contains the separator '|' of histories, "
        "expected another separator");
  CHECK(said(history_of<Past<Separator<' '>>>(), t) == "no error");
  CHECK(said(history_of<Past<Separator<' '>, OnlyWhere<"click">>>(), t) ==
        "table, row 2: column 'click' is infinite, expected a finite label");
  CHECK(said(history_of<Past<OnlyWhere<"like">>>(), t).starts_with("table: no column 'like'"));
  CHECK(said(history_of<Past<Named<"click">>>(), t) ==
        "table: there already is a column 'click', which knows of the rows before");
  RowHistory history = history_of<Past<>>();
  for (const bool labels : {false, true}) {
    CHECK(failure<ConfigError>([&] {
            const RowKeys row{{hash_text("a")}, {}, 1, {"v|2"}};
            labels ? history.add_labels(row, nullptr) : history.add(row, nullptr);
          }) ==
          "row: 'video' is 'v|2', which contains the separator '|' of histories, expected another "
          "separator");
  }
  CHECK(std::isinf(history.last()));
  CHECK(history.items()[0].rows().empty());
}
