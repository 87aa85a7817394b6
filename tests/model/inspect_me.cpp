// SPDX-License-Identifier: Apache-2.0
// For tests/scripts/inspect.sh: trains a small model and writes it, with its .resume file, to the
// given path. Has inputs and tasks of several kinds, and text that is unsafe to print to a
// terminal.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"
#include "espalier/train/trainer.hpp"

namespace {

namespace esp = espalier;

using Inputs = esp::Inputs<esp::Numeric<"age">, esp::NumericVector<"v", 2, esp::AsIs>,
                           esp::Categorical<"user", 4>,
                           esp::Categorical<"friend", 4, esp::SharedTable<"user">>,
                           esp::Hashed<"page", 16, 2>, esp::MultiCategorical<"tags", 3>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Stars = esp::Task<"stars", esp::SoftmaxCrossEntropy<3>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click, Stars> {};

esp::Dataset data() {
  std::vector<double> age, x, click, stars;
  std::vector<std::string> user, page, tags;
  for (int i = 0; i < 90; ++i) {
    age.push_back(20 + i % 9);
    x.push_back(i % 4);
    user.push_back(i % 3 == 0 ? "ann" : i % 3 == 1 ? "bob" : "\x1b[31mred");
    page.push_back("p" + std::to_string(i % 7));
    tags.push_back(i % 2 == 0 ? "drama|comedy" : "caf\xE9");  // not UTF-8
    click.push_back(i % 3 == 0 ? 1 : 0);
    stars.push_back(i % 3);
  }
  esp::Table table;
  table.add("age", age);
  table.add("v_0", x);
  table.add("v_1", x);
  table.add("user", user);
  table.add("friend", user);
  table.add("page", page);
  table.add("tags", tags);
  table.add("click", click);
  table.add("stars", stars);
  return esp::Dataset(std::move(table));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto [train, valid, rest] = data().split(0.7, 0.3, 0);
    esp::TrainerOptions options;
    options.epochs = 2;
    options.batch_size = 16;
    options.progress = esp::ShowProgress::never;
    options.checkpoint = std::string(argv[1]);
    esp::Trainer<Model>(options).fit(train, valid);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inspect_me: %s\n", error.what());
    return 1;
  }
}
