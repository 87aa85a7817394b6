// SPDX-License-Identifier: Apache-2.0
// The resume file of a run: it is also a model file, and is rejected if it does not fit the run.
#include <doctest/doctest.h>

#include <filesystem>

#include "espalier/deploy/predictor.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/resume.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

const esp::Dataset train = made_up(230, 1), valid = made_up(100, 2);

esp::TrainerOptions options(const TemporaryFolder& folder) {
  esp::TrainerOptions o = quick_options();
  o.patience = 0;
  o.balance = esp::Uncertainty{};
  o.checkpoint = folder / "model.safetensors";
  return o;
}

}  // namespace

TEST_CASE(
    "resume file: it has all tensors of a model, of the last weights, and says that it is none") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = options(folder);
  o.restore_best = false;
  esp::Trainer<Bottom> trainer(o), loaded(quick_options());
  trainer.fit(train, valid);
  const std::string path = esp::resume_path(o.checkpoint);
  const std::string said = path +
                           ": the resume file of a run, with its last weights; the model is " +
                           o.checkpoint.text();
  CHECK(message_of([&] { loaded.load(path); }) == said);
  CHECK(message_of([&] { const esp::Predictor<Bottom> predictor(path); }) == said);
  const std::string moved = folder / "moved";
  std::filesystem::copy_file(path, moved);
  CHECK(message_of([&] { loaded.load(moved); }) ==
        moved +
            ": the resume file of a run, with its last weights; the model is the file that was "
            "called so without '.resume'");
  loaded.load(o.checkpoint);
  esp::Parameters<float> last = loaded.parameters();
  esp::load_parameters(path, trainer.plan(), last);
  CHECK(same_bits(trainer.parameters(), last));
  const Contents contents(path);
  const std::size_t tensors = trainer.plan().tensors.size() + 2;
  // The parameters twice, Adam's two states, balance and loop.
  CHECK(contents.tensors.size() == 2 * tensors + 2 * 3 + 2);
  CHECK(contents.tensors.at("balance").shape == esp::Shape{8});
  CHECK(contents.metadata.at("settings").find("seed: 1\n") == 0);
}

TEST_CASE("resume file: what does not fit is refused with the file's name") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = options(folder);
  const std::string path = esp::resume_path(o.checkpoint);
  {
    esp::Trainer<Bottom> trainer(o);
    trainer.fit(train, valid);
  }
  const Contents original(path);
  o.resume = true;
  o.epochs = 4;
  const auto with = [&](auto change) {
    Contents contents = original;
    change(contents);
    contents.write(path);
    return message_of([&] {
      esp::Trainer<Bottom> trainer(o);
      trainer.fit(train, valid);
    });
  };
  const auto loop = [&](const std::string& json) {
    return with([&](Contents& c) { c.metadata["loop"] = json; });
  };
  const auto loop_with = [&](const std::string& name, const std::string& value) {
    std::string json = original.metadata.at("loop");
    const std::size_t at = json.find("\"" + name + "\":") + name.size() + 3;
    return loop(json.substr(0, at) + value +
                json.substr((std::min)(json.find(',', at), json.find('}', at))));
  };
  CHECK(with([](Contents&) {}) == "accepted");
  CHECK(with([](Contents& c) { c.metadata.erase("loop"); }) ==
        path + ": expected metadata 'loop', found none");
  CHECK(with([](Contents& c) { c.metadata.erase("settings"); }) ==
        path + ": expected metadata 'settings', found none");
  CHECK(loop("{") ==
        path + ": metadata 'loop': JSON: byte 1: expected a key in quotes, found the end");
  CHECK(loop("{}") == path + ": metadata 'loop': JSON: expected a member 'epoch', found none");
  CHECK(loop_with("epoch", "-1") ==
        path + ": metadata 'loop': epoch is -1, expected 0 to 2147483646");
  CHECK(loop_with("epoch", "1e300").find(path + ": metadata 'loop': ") == 0);
  CHECK(loop_with("epoch", "1.5") ==
        path + ": metadata 'loop': JSON: expected an integer within 2^53, found 1.5");
  CHECK(loop_with("step", "\"7\"").find(path + ": metadata 'loop': ") == 0);
  CHECK(loop_with("best_epoch", "9") ==
        path + ": metadata 'loop': best_epoch is 9, expected 0 to 3");
  CHECK(loop_with("best_epoch", "1,\"reductions\":4,\"reduced_epoch\":3") ==
        path + ": metadata 'loop': reductions is 4, expected 0 to 3");
  CHECK(loop_with("best_epoch", "1,\"reductions\":1,\"reduced_epoch\":9") ==
        path + ": metadata 'loop': reduced_epoch is 9, expected 0 to 3");
  CHECK(loop_with("stopped", "0").find(path + ": metadata 'loop': ") == 0);
  CHECK(loop_with("position", "-64") ==
        path + ": metadata 'loop': position is -64, expected 0 to 9007199254740992");
  CHECK(loop_with("position", "256") == path + ": position is 256, expected the start of a batch");
  CHECK(loop_with("position", "65") == path + ": position is 65, expected the start of a batch");
  CHECK(with([](Contents& c) { c.set("loop", std::vector<double>{}); }) ==
        path + ": tensor 'loop' has 0 values, expected 1 or 5");
  CHECK(with([](Contents& c) { c.set("loop", std::vector<double>(3)); }) ==
        path + ": tensor 'loop' has 3 values, expected 1 or 5");
  CHECK(with([](Contents& c) { c.set("loop", std::vector<float>(5)); }) ==
        path + ": tensor 'loop' is F32, expected F64");
  CHECK(with([](Contents& c) { c.set("balance", std::vector<double>(7)); }) ==
        path + ": balance 'uncertainty': a state of 7 numbers, expected 8");
  CHECK(with([](Contents& c) { c.tensors.erase("optimizer1/dense"); }) ==
        path + ": expected a tensor 'optimizer1/dense', found none");
  CHECK(with([](Contents& c) {
          c.set("optimizer0/embedding/user", std::vector<float>(4));
        }).find(path + ": tensor 'optimizer0/embedding/user' has shape [4], expected [") == 0);
  CHECK(with([](Contents& c) { c.tensors.erase("best/click/dense0/bias"); }) ==
        path + ": expected a tensor 'best/click/dense0/bias', found none");

  // A run cannot be resumed from a model file.
  Contents(o.checkpoint).write(path);
  const std::string said = message_of([&] {
    esp::Trainer<Bottom> trainer(o);
    trainer.fit(train, valid);
  });
  CHECK(said == path + ": expected metadata 'settings', found none");
}
