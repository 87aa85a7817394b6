// SPDX-License-Identifier: Apache-2.0
// kuairand_columns FILE.csv [FOLDER]: writes the inputs that examples/short_video computes from
// earlier rows of KuaiRand-Pure, for all rows in the order of the files. For trees_kuairand.py
// --check.
#include <iostream>

#include "common/kuairand.hpp"
#include "espalier/data/csv_writer.hpp"

namespace {

namespace esp = espalier;
namespace kuairand = examples::kuairand;

using Columns = esp::JoinedInputs<kuairand::EarlierDays, kuairand::Session>;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "kuairand_columns FILE.csv [FOLDER]\n";
    return 2;
  }
  try {
    kuairand::Groups groups;
    const auto splits = kuairand::load(argc == 3 ? argv[2] : "", false, groups);
    const esp::Table& table = splits[0].table();  // all rows: a dataset selects rows of a table
    esp::write_csv(argv[1], table.select(esp::RowHistory(Columns::fields).names()));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
