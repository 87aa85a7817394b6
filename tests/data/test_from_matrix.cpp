// SPDX-License-Identifier: Apache-2.0
// Data sets from matrices in memory, and the columns that a model reads.
#include <doctest/doctest.h>

#include <Eigen/Core>
#include <limits>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/load.hpp"
#include "espalier/espalier.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;
using espalier_test::TemporaryFolder;

namespace {

using In = Inputs<Numeric<"age", AsIs>, Categorical<"user", 4>, NumericVector<"v", 2, AsIs>>;
using Click = Task<"click", BinaryCrossEntropy>;
using Watch = Task<"watch", MeanSquaredError>;
struct Model : MultiTaskModel<In, SharedBottom<Mlp<4>>, Click, Watch> {};

}  // namespace

TEST_CASE("matrix: any scalar type, any storage order, maps, blocks and expressions") {
  Eigen::MatrixXd a(3, 2);
  a << 1, 2, 3, 4.5, std::numeric_limits<double>::quiet_NaN(), 6;
  const std::vector<std::string> names{"p", "q"};
  CHECK(cells(table_from_matrix(a, names), "p") == "1 3 –");
  CHECK(cells(table_from_matrix(a, names), "q") == "2 4.5 6");
  CHECK(cells(table_from_matrix(a.topRows(2), names), "p") == "1 3");
  CHECK(cells(table_from_matrix(2 * a, names), "q") == "4 9 12");
  CHECK(cells(table_from_matrix(a.topRows(2) * Eigen::MatrixXd::Identity(2, 2), names), "q") ==
        "2 4.5");
  CHECK(cells(table_from_matrix(a.topRows(2).transpose(), names), "q") == "3 4.5");
  const float values[] = {1, 2, 3, 4, 5, 6};
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> map(values, 3, 2);
  CHECK(cells(table_from_matrix(map, names), "p") == "1 3 5");
  const Eigen::Matrix<int, 2, 2> integers{{1, 2}, {3, 4}};
  CHECK(cells(table_from_matrix(integers, names), "q") == "2 4");
  CHECK(table_from_matrix(Eigen::MatrixXf(0, 2), names).rows() == 0);
}

TEST_CASE("matrix: more rows than a block") {
  Eigen::MatrixXf a(1000, 3);
  for (Eigen::Index i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i);
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_row = a;
  for (const Table& table :
       {table_from_matrix(a, {"a", "b", "c"}), table_from_matrix(by_row, {"a", "b", "c"})}) {
    for (std::size_t i = 0; i < 1000; ++i) {
      REQUIRE(table.numbers("a")[i] == static_cast<double>(i));
      REQUIRE(table.numbers("c")[i] == static_cast<double>(2000 + i));
    }
  }
}

TEST_CASE("matrix: a name for each column, none twice") {
  const Eigen::MatrixXd a = Eigen::MatrixXd::Zero(2, 3);
  CHECK(failure<DataError>([&] {
          static_cast<void>(table_from_matrix(a, {"p", "q"}));
        }) == "matrix: 3 columns, expected 2, one for each name");
  CHECK(failure<DataError>([&] {
          static_cast<void>(table_from_matrix(a, {"p", "q", "p"}));
        }) == "matrix: there already is a column 'p'");
}

TEST_CASE("matrix: for a model, inputs first and labels last") {
  Eigen::MatrixXf a(2, 6);
  a << 31, 7, 0.25F, 0.5F, 1, 12.5F,  //
      5, 100000, 1, 2, 0, 0;
  const Dataset data = from_matrix<Model>(a);
  CHECK(column_names(plan_of<Model>().schema) ==
        std::vector<std::string>{"age", "user", "v_0", "v_1", "click", "watch"});
  Features f(plan_of<Model>().schema);
  f.fit(data);
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"7", "100000"});
  const EncodedData encoded = f.encode(data);
  CHECK(encoded.numeric == std::vector<float>{31, 0.25F, 0.5F, 5, 1, 2});
  // watch has mean and standard deviation 6.25.
  CHECK(encoded.labels == std::vector<float>{1, 0, 1, -1});
  CHECK(encoded.label_scale(1).to_label(1) == 12.5);
  CHECK(failure<DataError>([&] { static_cast<void>(from_matrix<Model>(a.leftCols(5))); }) ==
        "matrix: 5 columns, expected 6, one for each name");
}

TEST_CASE("spans: a model's data column by column") {
  const std::vector<float> ages{31, 5}, v0{1, 2}, v1{3, 4}, clicks{1, 0};
  const std::vector<std::string> users{"ann", "bob"};
  Table table;
  table.add("age", std::span<const float>(ages));
  table.add("user", std::span<const std::string>(users));
  table.add("v_0", std::span<const float>(v0));
  table.add("v_1", std::span<const float>(v1));
  table.add("click", std::span<const float>(clicks));
  Features f(plan_of<Model>().schema);
  const Dataset data(std::move(table));
  f.fit(data);
  CHECK(f.encode(data).numeric == std::vector<float>{31, 1, 3, 5, 2, 4});
  CHECK(std::isnan(f.encode(data).label(1)[0]));
}

TEST_CASE(
    "columns: a model's are read from a file by name, of the kinds that it needs, and others on "
    "request") {
  const auto columns =
      csv_columns(plan_of<Model>().schema, {espalier_test::number("time"), {"user"}, {"age"}});
  REQUIRE(columns.size() == 7);
  CHECK(columns[1].name == "user");
  CHECK(columns[1].kind == ColumnKind::text);  // as the model needs it
  CHECK(columns[4].kind == ColumnKind::number);
  CHECK(columns[6].name == "time");
  CHECK(failure<ConfigError>([] {
          static_cast<void>(csv_columns(plan_of<Model>().schema, {espalier_test::number("user")}));
        }) ==
        "columns: 'user' is asked for as numbers, but the model reads it as text; expected text, "
        "or a column of another name");

  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv",
                        "other,user,age,click,watch,v_0,v_1,time\nx,007,31,1,2.5,1,2,9\n");
  write_file_atomically(folder / "2.csv", "user,age,click,watch,v_0,v_1,time\n8,32,0,,1,2,10\n");
  CsvOptions options;
  options.columns = {espalier_test::number("time")};
  const Dataset data = read_csv<Model>({folder / "1.csv", folder / "2.csv"}, options);
  CHECK(data.table().columns().size() == 7);
  CHECK(cells(data.table(), "user") == "007 8");
  CHECK(cells(data.table(), "time") == "9 10");
  CHECK(read_csv<Model>(folder / "1.csv").size() == 1);
  write_file_atomically(folder / "3.csv", "user,age,click,v_0,v_1\n8,32,0,1,2\n");
  CHECK(failure<DataError>([&] { static_cast<void>(read_csv<Model>(folder / "3.csv")); }) ==
        (folder / "3.csv") +
            ":1: no column 'watch', expected it among 'user', 'age', 'click', 'v_0', 'v_1'");

  // A file for prediction has no labels.
  write_file_atomically(folder / "4.csv", "v_1,v_0,age,user\n2,1,32,3.0\n");
  const Dataset inputs = read_inputs<Model>(folder / "4.csv");
  CHECK(inputs.table().columns().size() == 4);
  CHECK(cells(inputs.table(), "user") == "3.0");
  CHECK_FALSE(inputs.table().has("click"));
}
