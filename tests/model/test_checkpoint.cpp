// SPDX-License-Identifier: Apache-2.0
// Saving and loading models: a loaded model is identical; a file that does not fit is rejected.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <limits>

#include "espalier/core/file.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/safetensors.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

/// Saves a small model and returns the file's path.
std::string saved(const TemporaryFolder& folder) {
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  esp::Trainer<Normed> trainer(o);
  trainer.fit(made_up(70, 1));
  trainer.save(folder / "model.safetensors");
  return folder / "model.safetensors";
}

template <class Model>
std::string load(const std::string& path) {
  return message_of([&] { esp::Trainer<Model>(quick_options()).load(path); });
}

}  // namespace

TEST_CASE("checkpoint: weights, state, tables, vocabularies and normalisation come back") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Normed> trainer(o);
  trainer.fit(made_up(300, 1));
  const std::string path = folder / "model.safetensors";
  trainer.save(path);
  esp::Trainer<Normed> loaded(o);
  loaded.load(path);
  CHECK(same_bits(trainer.parameters(), loaded.parameters()));
  CHECK(trainer.parameters().table_rows == loaded.parameters().table_rows);
  CHECK(trainer.features().state().vocabularies == loaded.features().state().vocabularies);
  CHECK(trainer.features().state().means == loaded.features().state().means);
  CHECK(trainer.features().state().deviations == loaded.features().state().deviations);
  const esp::Dataset data = made_up(130, 5);
  for (std::size_t k = 0; k < 2; ++k)
    CHECK(same_bits(trainer.predict(data).values[k], loaded.predict(data).values[k]));
  loaded.save(folder / "again.safetensors");
  CHECK((esp::read_file(path) == esp::read_file(folder / "again.safetensors")));

  const Contents contents(path);
  CHECK(contents.tensors.size() == loaded.plan().tensors.size() + 2);
  // 12 users and the row for unknown values
  CHECK(contents.tensors.at("embedding/user").shape == esp::Shape{13, 4});
  CHECK(contents.tensors.at("shared/dense0/weight").shape == esp::Shape{12, 9});
  CHECK(contents.tensors.at("shared/batch_norm1/running_mean").shape == esp::Shape{12});
  CHECK(contents.metadata.at("description")
            .find("input 'tags': categorical × 3, table 'tags', mean over '|'\n") !=
        std::string::npos);
}

TEST_CASE("checkpoint: a vocabulary of any bytes comes back") {
  const TemporaryFolder folder;
  esp::Table table = made_up_table(8, 1);
  table.remove("user");
  table.add(esp::Column::text(
      "user", {"caf\xe9", "caf\xe8", "\"quoted\", or not", "\xff\xfe", "line\nbreak", "ユーザー",
               "{\"hex\":\"00\"}", std::string("nul\0nul", 7)}));
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Bottom> trainer(o), loaded(o);
  trainer.fit(esp::Dataset(table));
  trainer.save(folder / "m.safetensors");
  loaded.load(folder / "m.safetensors");
  CHECK(loaded.features().state().vocabularies == trainer.features().state().vocabularies);
  CHECK(loaded.features().state().vocabularies[0].size() == 8);
  CHECK(same_bits(trainer.predict(esp::Dataset(table)).values[0],
                  loaded.predict(esp::Dataset(table)).values[0]));
}

TEST_CASE("checkpoint: another model's file is refused, naming the first difference") {
  const TemporaryFolder folder;
  const std::string path = saved(folder);
  const std::string start = path + ": made for another model: the file has ";
  CHECK(load<Normed>(path) == "accepted");

  using Encoder = esp::Layers<esp::Dense<12>, esp::BatchNorm, esp::LayerNorm>;
  using Shared = esp::SharedBottom<Encoder>;
  struct Wider : esp::MultiTaskModel<
                     MadeUpInputs,
                     esp::SharedBottom<esp::Layers<esp::Dense<13>, esp::BatchNorm, esp::LayerNorm>>,
                     Click, Watch> {};
  CHECK(load<Wider>(path) == start +
                                 "tensor 'shared/dense0/weight': 12 × 9; this model has tensor "
                                 "'shared/dense0/weight': 13 × 9");
  struct Smooth
      : esp::MultiTaskModel<MadeUpInputs,
                            esp::SharedBottom<esp::Layers<esp::Dense<12, esp::Activation::gelu>,
                                                          esp::BatchNorm, esp::LayerNorm>>,
                            Click, Watch> {};
  CHECK(load<Smooth>(path) == start +
                                  "activation of 'shared/dense0': relu; this model has activation "
                                  "of 'shared/dense0': gelu");
  struct Other : esp::MultiTaskModel<MadeUpInputs, esp::SingleTask<Encoder>, Click, Watch> {};
  CHECK(load<Other>(path) == start + "sharing: shared_bottom; this model has sharing: single_task");
  struct Fewer : esp::MultiTaskModel<MadeUpInputs, Shared, Click> {};
  CHECK(
      load<Fewer>(path) ==
      start +
          "task 'watch': squared_error × 1; this model has tensor 'shared/dense0/weight': 12 × 9");
  struct Swapped : esp::MultiTaskModel<MadeUpInputs, Shared, Watch, Click> {};
  CHECK(
      load<Swapped>(path) ==
      start +
          "task 'click': binary_cross_entropy × 1; this model has task 'watch': squared_error × 1");
  struct Loss
      : esp::MultiTaskModel<MadeUpInputs, Shared, Click,
                            esp::Task<"watch", esp::Huber<>, esp::Weight{0.5}, esp::Tower<8>>> {};
  CHECK(load<Loss>(path) ==
        start + "task 'watch': squared_error × 1; this model has task 'watch': huber × 1");

  using X = esp::Numeric<"x">;
  using Y = esp::Numeric<"y">;
  using User = esp::Categorical<"user", 4>;
  using Tags = esp::MultiCategorical<"tags", 3>;
  struct Named
      : esp::MultiTaskModel<esp::Inputs<X, esp::Numeric<"z">, User, Tags>, Shared, Click, Watch> {};
  CHECK(load<Named>(path) == start +
                                 "input 'y': numeric × 1, standardize; this model has input 'z': "
                                 "numeric × 1, standardize");
  struct Logged : esp::MultiTaskModel<
                      esp::Inputs<X, esp::Numeric<"y", esp::Log1p, esp::Standardize>, User, Tags>,
                      Shared, Click, Watch> {};
  CHECK(load<Logged>(path) == start +
                                  "input 'y': numeric × 1, standardize; this model has input 'y': "
                                  "numeric × 1, log1p, standardize");
  struct Clipped
      : esp::MultiTaskModel<
            esp::Inputs<X, esp::Numeric<"y", esp::Clip<esp::Range{-1, 2.5}>>, User, Tags>, Shared,
            Click, Watch> {};
  CHECK(load<Clipped>(path) == start +
                                   "input 'y': numeric × 1, standardize; this model has input 'y': "
                                   "numeric × 1, clip to [-1, 2.5]");
  struct Hashed : esp::MultiTaskModel<esp::Inputs<X, Y, esp::Hashed<"user", 13, 4>, Tags>, Shared,
                                      Click, Watch> {};
  CHECK(load<Hashed>(path) == start +
                                  "input 'user': categorical × 4, table 'user'; this model has "
                                  "input 'user': hashed to 13 × 4, table 'user'");
  struct Rare
      : esp::MultiTaskModel<esp::Inputs<X, Y, esp::Categorical<"user", 4, esp::MinCount<3>>, Tags>,
                            Shared, Click, Watch> {};
  CHECK(load<Rare>(path) == start +
                                "input 'user': categorical × 4, table 'user'; this model has input "
                                "'user': categorical × 4, "
                                "table 'user', at least 3 times");
  struct Summed
      : esp::MultiTaskModel<
            esp::Inputs<X, Y, User, esp::Categorical<"tags", 3, esp::Pooled<esp::Pool::sum, '\t'>>>,
            Shared, Click, Watch> {};
  CHECK(load<Summed>(path) == start +
                                  "input 'tags': categorical × 3, table 'tags', mean over '|'; "
                                  "this model has input 'tags': "
                                  "categorical × 3, table 'tags', sum over byte 9");
  struct Extended : esp::MultiTaskModel<MadeUpInputs, Shared, Click, Watch,
                                        esp::Task<"buy", esp::BinaryCrossEntropy>> {};
  CHECK(load<Extended>(path) == start +
                                    "tensor 'shared/dense0/weight': 12 × 9; this model has task "
                                    "'buy': binary_cross_entropy × 1");

  // A trainer keeps its parameters if loading fails.
  esp::Trainer<Wider> trainer(quick_options());
  trainer.fit(made_up(60, 1));
  const esp::Parameters<float> before = trainer.parameters();
  CHECK_THROWS_AS(trainer.load(path), esp::CheckpointError);
  CHECK(same_bits(before, trainer.parameters()));
}

TEST_CASE("checkpoint: what matters to learning alone may differ") {
  const TemporaryFolder folder;
  const std::string path = saved(folder);
  struct Weighted
      : esp::MultiTaskModel<
            MadeUpInputs,
            esp::SharedBottom<esp::Layers<esp::Dense<12>, esp::BatchNorm, esp::LayerNorm>>,
            esp::Task<"click", esp::BinaryCrossEntropyWith<esp::LabelSmoothing{0.1}>,
                      esp::Weight{3.0}, esp::Tower<8>>,
            Watch> {};
  CHECK(load<Weighted>(path) == "accepted");
}

TEST_CASE("checkpoint: metadata that does not fit is refused with the file's name") {
  const TemporaryFolder folder;
  const std::string path = saved(folder), changed = folder / "changed.safetensors";
  const auto with = [&](auto change) {
    Contents contents(path);
    change(contents);
    contents.write(changed);
    return load<Normed>(changed);
  };
  const auto features = [&](const std::string& json) {
    return with([&](Contents& c) { c.metadata["features"] = json; });
  };
  CHECK(with([](Contents&) {}) == "accepted");
  CHECK(with([](Contents& c) { c.metadata.erase("espalier"); }) ==
        changed + ": expected metadata 'espalier', found none");
  CHECK(with([](Contents& c) { c.metadata["espalier"] = "2"; }) ==
        changed + ": layout version 2, expected 1");
  CHECK(with([](Contents& c) { c.metadata["description"] = ""; }) ==
        changed +
            ": made for another model: the file has nothing more; this model has sharing: "
            "shared_bottom");
  CHECK(with([](Contents& c) { c.metadata["description"] += "dance: waltz\n"; }) ==
        changed +
            ": made for another model: the file has dance: waltz; this model has nothing more");
  CHECK(features("") ==
        changed + ": metadata 'features': JSON: byte 0: expected a value, found the end");
  CHECK(features("[]") ==
        changed + ": metadata 'features': JSON: expected an object, found an array");
  CHECK(features("{}") ==
        changed + ": metadata 'features': JSON: expected a member 'vocabularies', found none");
  CHECK(features(R"({"vocabularies":[[1],[]],"means":[0,0],"deviations":[1,1]})")
            .find(changed + ": metadata 'features': ") == 0);
  CHECK(features(R"({"vocabularies":[[{"hex":"4"}],[]],"means":[0,0],"deviations":[1,1]})") ==
        changed + ": metadata 'features': {\"hex\":\"4\"}: expected pairs of hex digits");
  CHECK(features(R"({"vocabularies":[[{"hex":"zz"}],[]],"means":[0,0],"deviations":[1,1]})") ==
        changed + ": metadata 'features': {\"hex\":\"zz\"}: expected pairs of hex digits");
  CHECK(features(R"({"vocabularies":[["u1"]],"means":[0,0],"deviations":[1,1]})") ==
        changed + ": features: 1 vocabularies and 2 numeric columns, expected 2 and 2");
  CHECK(features(R"({"vocabularies":[[],[]],"means":[0],"deviations":[1]})") ==
        changed + ": features: 2 vocabularies and 1 numeric columns, expected 2 and 2");
  CHECK(features(R"({"vocabularies":[[],[]],"means":[0,0],"deviations":[1,0]})") ==
        changed + ": features: a deviation is not positive");
  CHECK(features(R"({"vocabularies":[[],[]],"means":[0,null],"deviations":[1,1]})").find(changed) ==
        0);
  CHECK(features(R"({"vocabularies":[["a","b","a"],[]],"means":[0,0],"deviations":[1,1]})") ==
        changed + ": features: vocabulary 'user' has a value twice");
  // The vocabulary and its table must have the same number of rows.
  CHECK(
      features(R"({"vocabularies":[["u1"],["a","b","c","d"]],"means":[0,0],"deviations":[1,1]})") ==
      changed + ": tensor 'embedding/user' has shape [13, 4], expected [2, 4] (8 values)");
  CHECK(with([](Contents& c) { c.tensors.erase("click/dense0/bias"); }) ==
        changed + ": expected a tensor 'click/dense0/bias', found none");
  CHECK(with([](Contents& c) { c.set("click/dense0/bias", std::vector<double>(8)); }) ==
        changed + ": tensor 'click/dense0/bias' is F64, expected F32");
  CHECK(with([](Contents& c) { c.set("click/dense0/bias", std::vector<float>(7)); }) ==
        changed + ": tensor 'click/dense0/bias' has shape [7], expected [8] (8 values)");
  CHECK(with([](Contents& c) { c.set("something else", std::vector<float>(7)); }) == "accepted");
}

TEST_CASE("checkpoint: cut off anywhere, a file is refused") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string bytes = esp::read_file(saved(folder)), cut = folder / "cut.safetensors";
  for (std::size_t size = 0; size < bytes.size(); size += size < 600 ? 1 : 37) {
    esp::write_file_atomically(cut, std::string_view(bytes).substr(0, size));
    const std::string said = load<Normed>(cut);
    CAPTURE(size);
    CHECK(said.find(cut + ": ") == 0);
    CHECK(said.find('\n') == std::string::npos);
  }
}

TEST_CASE("checkpoint: a flipped bit is an error, or one that does no harm") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = saved(folder), bytes = esp::read_file(path),
                    flipped = folder / "flipped.safetensors";
  esp::Trainer<Normed> whole(quick_options());
  whole.load(path);
  esp::Random random(3);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string other = bytes;
    const std::size_t at =
        i < 8 ? static_cast<std::size_t>(i) : static_cast<std::size_t>(random.below(bytes.size()));
    other[at] = static_cast<char>(static_cast<unsigned char>(other[at]) ^ (1U << random.below(8)));
    esp::write_file_atomically(flipped, other);
    esp::Trainer<Normed> trainer(quick_options());
    const std::string said = message_of([&] { trainer.load(flipped); });
    refused += said == "accepted" ? 0 : 1;
    if (said != "accepted") continue;
    CHECK(same_bits(trainer.parameters(), whole.parameters()));
    CHECK(trainer.features().state().vocabularies == whole.features().state().vocabularies);
    CHECK(trainer.features().state().means == whole.features().state().means);
    CHECK(trainer.features().state().deviations == whole.features().state().deviations);
  }
  CHECK(refused > 350);
}

TEST_CASE("checkpoint: a damaged tensor and damaged vocabularies are named") {
  const TemporaryFolder folder;
  const std::string path = saved(folder), whole = esp::read_file(path);
  const auto with = [&](std::size_t at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 1);
    esp::write_file_atomically(path, other);
    return load<Normed>(path);
  };
  const auto begins = [](const std::string& said, const std::string& with_this) {
    CAPTURE(said);
    CHECK(said.starts_with(with_this));
  };
  // The last byte belongs to the last tensor.
  begins(with(whole.size() - 1), path + ": tensor 'embedding/tags' is damaged: its CRC-32C is \"");
  begins(with(whole.find("u1") + 1), path + ": metadata 'features' is damaged: its CRC-32C is \"");
}

TEST_CASE("checkpoint: files without checksums load") {
  const TemporaryFolder folder;
  const std::string path = saved(folder);
  std::string bytes = esp::read_file(path);
  bytes.replace(bytes.find("\"crc32c\""), 8, "\"unknown\"");
  bytes.erase(bytes.find("}  ") + 1, 1);  // keeps the header's length
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  esp::write_file_atomically(path, bytes);
  CHECK(load<Normed>(path) == "accepted");
}

TEST_CASE("checkpoint: weights that are no finite numbers are neither loaded nor saved") {
  const TemporaryFolder folder;
  const std::string path = saved(folder), changed = folder / "changed.safetensors";
  const auto with = [&](const std::string& name, std::size_t at, float value) {
    Contents contents(path);
    std::memcpy(contents.tensors.at(name).bytes.data() + at * sizeof(float), &value, sizeof value);
    contents.write(changed);
    return load<Normed>(changed);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinite = std::numeric_limits<float>::infinity();
  CHECK(with("shared/dense0/weight", 21, nan) ==
        // The tensor has shape 12 × 9.
        changed + ": tensor 'shared/dense0/weight' is nan at [2, 3], expected finite numbers");
  CHECK(with("click/dense0/bias", 7, infinite) ==
        changed + ": tensor 'click/dense0/bias' is inf at [7], expected finite numbers");
  CHECK(with("embedding/user", 51, -infinite) ==
        changed + ": tensor 'embedding/user' is -inf at [12, 3], expected finite numbers");
  CHECK(message_of([&] { const esp::Predictor<Normed> predictor(changed); }) ==
        load<Normed>(changed));

  esp::Trainer<Normed> trainer(quick_options());
  trainer.load(path);
  esp::Parameters<float> ruined = trainer.parameters();
  ruined.tables[1][4] = nan;
  const std::string before = esp::read_file(path);
  CHECK(message_of([&] {
          esp::save_model(path, trainer.plan(), ruined, trainer.features().state());
        }) == "a model that is not finite is not saved: tensor 'embedding/tags' is nan at [1, 1]");
  CHECK((esp::read_file(path) == before));
}

TEST_CASE("checkpoint: a write that fails leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const std::string path = saved(folder);
  const std::string before = esp::read_file(path);
  esp::Trainer<Normed> trainer(quick_options());
  trainer.fit(made_up(90, 2));
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small{2000, limit.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string said = message_of([&] { trainer.save(path); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(said == "cannot write " + path + ": File too large");
  CHECK((esp::read_file(path) == before));
  CHECK(folder.names() == std::vector<std::string>{"model.safetensors"});
  trainer.save(path);
  CHECK_FALSE((esp::read_file(path) == before));
  CHECK(message_of([&] { trainer.save(folder.path()); }).find("cannot ") == 0);
  CHECK(message_of([&] { trainer.save(folder / "none/model.safetensors"); }) ==
        "cannot write " + (folder / "none/model.safetensors") + ": No such file or directory");
  CHECK(load<Normed>(folder / "none.safetensors") ==
        "cannot open " + (folder / "none.safetensors") + ": No such file or directory");
}

TEST_CASE("checkpoint: what is read from one open file is of one model") {
  const TemporaryFolder folder;
  const std::string path = saved(folder);
  esp::Trainer<Normed> first(quick_options()), second(quick_options());
  first.load(path);
  const esp::SafetensorsFile file(path);
  second.fit(made_up(90, 7));
  second.save(path);  // replaces the open file
  esp::Parameters<float> read = first.parameters();
  read.dense.fill(0);
  esp::load_parameters(file, first.plan(), read);
  CHECK(same_bits(read, first.parameters()));
}
