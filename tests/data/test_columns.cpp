// SPDX-License-Identifier: Apache-2.0
// References into a table stay valid; columns are found by name, however many there are.
#include <doctest/doctest.h>

#include <ctime>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/csv.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/join.hpp"
#include "espalier/data/table.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;

namespace {

Table log_of_plays() {
  Table table;
  table.source = "log";
  table.add("user", std::vector<std::string>{"ann", "bob", "ann"});
  table.add("play_ms", std::vector<double>{1000, 2000, 3000});
  table.add("day", std::vector<int>{1, 2, 3});
  return table;
}

}  // namespace

TEST_CASE(
    "columns: a reference stays good while others are derived, added, joined, renamed, removed, "
    "and the table moves") {
  Table table = log_of_plays();
  const std::vector<double>& play = table.numbers("play_ms");
  const Column& user = table.column("user");
  const std::string_view bob = user.at(1);
  const double* const first = play.data();
  for (int i = 0; i < 40; ++i) {
    table.derive("seconds" + std::to_string(i),
                 [&](Index row) { return play[static_cast<std::size_t>(row)] / 1000 + i; });
  }
  CHECK(cells(table, "seconds39") == "40 41 42");
  Table users;
  users.add("user", std::vector<std::string>{"bob", "ann"});
  users.add("age", std::vector<int>{4, 31});
  join(table, users, "user");
  table.remove("day");
  table.rename("seconds0", "seconds");
  table.remove("seconds1");
  CHECK(&table.numbers("play_ms") == &play);
  CHECK(&table.column("user") == &user);
  Table moved = std::move(table);
  const Dataset data(std::move(moved));
  CHECK(&data.table().numbers("play_ms") == &play);
  CHECK(play.data() == first);
  CHECK(play == std::vector<double>{1000, 2000, 3000});
  CHECK(bob == "bob");
  CHECK(cells(data.table(), "age") == "31 4 31");
}

TEST_CASE("columns: a reference stays good while its own column is renamed or made longer") {
  Table table = log_of_plays();
  const std::vector<double>& play = table.numbers("play_ms");
  const Column& user = table.column("user");
  table.rename("play_ms", "play");
  CHECK(&table.numbers("play") == &play);
  CHECK_FALSE(table.has("play_ms"));
  table.rename("play", "play_ms");
  table.append(log_of_plays());
  table.append(table);
  CHECK(&table.numbers("play_ms") == &play);
  CHECK(play.size() == 12);
  CHECK(play[11] == 3000);
  CHECK(user.at(10) == "bob");
}

TEST_CASE("columns: a copy has columns of its own, and what was moved from has none") {
  Table table = log_of_plays();
  Table copy = table;
  copy.rename("day", "night");
  copy.derive("more", [](Index) { return 1; });
  CHECK(table.columns().size() == 3);
  CHECK(table.has("day"));
  CHECK(copy.columns().size() == 4);
  CHECK(&copy.numbers("night") != &table.numbers("day"));
  Table other = std::move(copy);
  CHECK_FALSE(copy.has("night"));  // NOLINT(bugprone-use-after-move): that is what is asked
  CHECK(copy.columns().empty());
  CHECK(cells(other, "night") == "1 2 3");
  table = other;
  CHECK(cells(table, "more") == "1 1 1");
  table = std::move(other);
  CHECK(table.columns()[2].name == "night");
}

TEST_CASE("columns: in their order, as a range") {
  const Table table = log_of_plays();
  std::string names;
  for (const Column& column : table.columns()) names += column.name + " ";
  CHECK(names == "user play_ms day ");
  const Columns& all = table.columns();
  CHECK(std::distance(all.begin(), all.end()) == 3);
  CHECK(std::next(all.begin())->name == "play_ms");
  CHECK(all[2].name == "day");
  CHECK(Table().columns().begin() == Table().columns().end());
}

TEST_CASE("columns: of a temporary, values are given and not references") {
  const char* const csv = "user,age\nann,31\nbob,4\n";
  const auto read = [&] { return parse_csv(csv, "people.csv"); };
  const std::vector<double>& ages = read().numbers("age");
  CHECK(ages == std::vector<double>{31, 4});
  const Column& user = read().column("user");
  CHECK(user.at(1) == "bob");
  std::string names;
  for (const Column& column : read().columns()) names += column.name + " ";
  CHECK(names == "user age ");
  Column made;
  const Column& text = read().as_text("user", made);
  CHECK(&text == &made);
  CHECK(text.at(0) == "ann");
  const Table& table = Dataset(read()).table();
  CHECK(cells(table, "age") == "31 4");
  std::int32_t sum = 0;
  for (const std::int32_t row : Dataset(read()).filter([](Index r) { return r > 0; }).rows())
    sum += row;
  CHECK(sum == 1);
  CHECK(failure<DataError>([&] {
          static_cast<void>(read().numbers("x"));
        }).starts_with("people.csv: no column 'x'; there are 'user', 'age'"));
  // A view into a temporary column does not compile.
  CHECK_FALSE(std::is_invocable_v<decltype([](auto&& c) -> decltype(std::forward<decltype(c)>(c).at(
                                                            0)) { return {}; }),
                                  Column>);
  CHECK(std::is_invocable_v<decltype([](auto&& c) -> decltype(std::forward<decltype(c)>(c).at(0)) {
                              return {};
                            }),
                            Column&>);
}

TEST_CASE("columns: adding and finding many takes time in proportion") {
  const auto seconds = [](int columns) {
    const std::clock_t start = std::clock();  // CPU time of this process
    Table table;
    for (int i = 0; i < columns; ++i)
      table.add(Column::number("a column of some length " + std::to_string(i), {1.0}));
    double sum = 0;
    std::vector<std::string> names;
    for (const Column& column : table.columns()) names.push_back(column.name);
    for (const std::string& name : names) sum += table.numbers(name)[0];
    const std::vector<std::int32_t> rows{0, 0};
    const Table twice = table.take(rows);
    for (const Column& column : twice.select(names).columns()) sum += column.numbers[1];
    CHECK(sum == 2.0 * columns);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const double few = seconds(5000);
  CHECK(seconds(40000) < 24 * few + 0.1);  // 8 times as long if linear, 64 times if quadratic
}

TEST_CASE("columns: letters are no numbers, and a null pointer is no text") {
  static_assert(NumberRange<std::vector<bool>> && NumberRange<std::vector<std::int8_t>> &&
                NumberRange<std::vector<std::uint8_t>>);
  static_assert(!NumberRange<std::string> && !NumberRange<std::vector<char>> &&
                !NumberRange<std::vector<wchar_t>> && !NumberRange<std::vector<char8_t>> &&
                !NumberRange<std::u32string>);
  Table table;
  CHECK(failure<DataError>([&] {
          table.add("city", std::vector<const char*>{"Ulm", "", nullptr});
        }) == "column 'city', row 3: a null pointer, expected a text; \"\" is a missing value");
  CHECK(table.columns().empty());
}
