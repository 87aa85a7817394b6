// SPDX-License-Identifier: Apache-2.0
// Uses each part of espalier::compiled: reading CSV, training with checkpoints, evaluation,
// prediction.
#include <cstdio>
#include <espalier/espalier.hpp>
#include <iostream>
#include <string>
namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Stars = esp::Task<"stars", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"item", 4>>;
struct Model : esp::MultiTaskModel<Inputs, esp::Mmoe<2, esp::Mlp<24>>, Click, Stars> {};

int main() try {
  std::string text = "age,item,click,stars\n";
  for (int i = 0; i < 500; ++i) {
    text += std::to_string(i % 47) + ",i" + std::to_string(i % 13) + ',' +
            std::to_string(i % 47 > i % 13 ? 1 : 0) + ',' + std::to_string(i % 5) + '\n';
  }
  esp::CsvOptions columns;
  columns.columns = esp::csv_columns(esp::plan_of<Model>().schema);
  const auto [train, valid, test] =
      esp::Dataset(esp::parse_csv(text, "text", columns)).split(0.7, 0.2, 0.1);

  const std::string file = "espalier_consumer.safetensors";
  esp::Trainer<Model> trainer{{.epochs = 4,
                               .batch_size = 64,
                               .optimizer = esp::AdamW{.learning_rate = 1e-2},
                               .group = "item",
                               .checkpoint = file,
                               .progress = esp::ShowProgress::never}};
  const esp::FitResult result = trainer.fit(train, valid);
  std::cout << trainer.evaluate(test, {.resamples = 20});
  std::printf("%a\n", result.best_value);

  const esp::Predictor<Model> predictor(file);
  for (const float p : predictor.predict_row({{"age", 31.0}, {"item", "i7"}}))
    std::printf("%a\n", static_cast<double>(p));
  std::remove(file.c_str());
  std::remove((file + ".resume").c_str());
  return result.epochs > 0 ? 0 : 1;
} catch (const esp::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
