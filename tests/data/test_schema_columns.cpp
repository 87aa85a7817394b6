// SPDX-License-Identifier: Apache-2.0
// The columns that a model's inputs read of a file.
#include "espalier/data/schema_columns.hpp"

#include <span>
#include <string>

#include "espalier/describe/inputs.hpp"
#include "helpers.hpp"

using namespace espalier;

TEST_CASE("columns of a schema: a day is found out, whether it is a key before or behind") {
  using Before_ =
      Inputs<EarlierRows<By<"user", "date">, "time">, CountOf<By<"user">, Before<"date">>>;
  using Behind =
      Inputs<CountOf<By<"user">, Before<"date">>, EarlierRows<By<"user", "date">, "time">>;
  using Number = Inputs<EarlierRows<By<"user", "date">, "time">,
                        CountOf<By<"user">, Before<"date">>, Numeric<"date">>;
  const auto date = [](std::span<const FieldInfo> fields) {
    for (const CsvColumn& column : field_columns({fields, {}})) {
      if (column.name == "date") return column;
    }
    return CsvColumn{};
  };
  CHECK(date(Before_::fields).infer);
  CHECK(date(Behind::fields).infer);
  CHECK_FALSE(date(Number::fields).infer);
  CHECK(date(Number::fields).kind == ColumnKind::number);
}

TEST_CASE(
    "field_columns: what inputs of the rows before are made of, and what to do about a label of "
    "text") {
  using Few = Inputs<Categorical<"user", 2>, MeanOf<"click", By<"user", "tab">, Before<"day">>,
                     Numeric<"tab">, SincePrevious<By<"user">, "time">>;
  std::string text;
  for (const CsvColumn& c : field_columns({Few::fields, {}})) {
    text += c.name +
            (c.infer                      ? " found out"
             : c.kind == ColumnKind::text ? " text"
                                          : " number") +
            (c.remedy.empty() ? "" : "; " + c.remedy) + "\n";
  }
  CHECK(text ==
        "user text\ntab number\n"
        "click number; 'mean_click_by_user_tab' is a mean of it: of text derive a column of "
        "numbers, in the third argument of "
        "read_csv<Model>\nday found out\ntime found out\n");
}
