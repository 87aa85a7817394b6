// SPDX-License-Identifier: Apache-2.0
// A model file from before category keys existed gives the same predictions as before.
#include <doctest/doctest.h>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/espalier.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace esp = espalier;
using espalier_test::TemporaryFolder;

#include "deploy/old_keys.inc"

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"id", 2>>,
                                   esp::SharedBottom<esp::Mlp<2>>, Click> {};

std::string old_file() {
  std::string bytes;
  for (std::size_t i = 0; i < old_file_in_hexadecimal.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(old_file_in_hexadecimal.data() + i, old_file_in_hexadecimal.data() + i + 2,
                    byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

esp::Dataset data_of(const std::string& name) {
  constexpr std::string_view csv = "id,click\n1.0,1\n1,0\n2.50,0\n2.5,1\n007,1\n7,0\n";
  return esp::Dataset(
      esp::parse_csv(csv, name, {.columns = {{"id"}, {"click", esp::ColumnKind::number}}}));
}

}  // namespace

TEST_CASE("a file from before categories had keys: its predictions are what they were") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "old.safetensors";
  esp::write_file_atomically(path, old_file());
  const esp::Predictor<Model> predictor(path);
  const std::vector<std::pair<const char*, double>> known{
      {"1.0", 0.999986529}, {"1", 1.0160119e-05}, {"2.50", 4.6926958e-05},
      {"2.5", 0.318585992}, {"007", 0.999984026}, {"7", 0.318585992}};
  for (const auto& pair : known) {
    INFO(pair.first);
    const float answer = predictor.predict_row({{"id", std::string_view(pair.first)}})[0];
    CHECK(static_cast<double>(answer) == doctest::Approx(pair.second).epsilon(1e-5));
  }
  CHECK(static_cast<double>(predictor.predict_row({{"id", 1.0}})[0]) ==
        doctest::Approx(1.0160119e-05).epsilon(1e-5));
  const esp::Predictions all = predictor.predict(data_of("log.csv"));
  for (std::size_t row = 0; row < known.size(); ++row) {
    CHECK(static_cast<double>(all.of("click")[row]) ==
          doctest::Approx(known[row].second).epsilon(1e-5));
  }
}

TEST_CASE(
    "a file from before categories had keys: learning goes on as then, and so do files made of "
    "it") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "old.safetensors";
  esp::write_file_atomically(path, old_file());
  esp::Trainer<Model> trainer{{.epochs = 1, .batch_size = 4, .progress = esp::ShowProgress::never}};
  trainer.load(path);
  trainer.fit(data_of("log.csv"));
  CHECK(trainer.features().state().vocabularies[0] ==
        std::vector<std::string>{"1.0", "1", "2.50", "007"});
  trainer.save(path);
  CHECK_FALSE(esp::Predictor<Model>(path).features().state().keyed);

  esp::Trainer<Model> other{{.epochs = 1, .batch_size = 4, .progress = esp::ShowProgress::never}};
  other.fit(data_of("log.csv"));
  CHECK(other.features().state().vocabularies[0] ==
        std::vector<std::string>{"1", "2.5", "007", "7"});
  other.save(path);
  const esp::Predictor<Model> keyed(path);
  CHECK(keyed.features().state().keyed);
  CHECK(keyed.predict_row({{"id", "1.0"}}) == keyed.predict_row({{"id", 1}}));
  CHECK(keyed.predict_row({{"id", "2.50"}}) == keyed.predict_row({{"id", 2.5}}));
}
