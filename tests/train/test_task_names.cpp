// SPDX-License-Identifier: Apache-2.0
// Task names that contain separators, everywhere names are joined or split.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/report/diagnosis_chart.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/event_reader.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

template <esp::FixedString Name>
using Of =
    esp::Task<Name, esp::BinaryCrossEntropy, esp::Weight{1}, esp::Tower<4>, esp::Label<"click">>;

constexpr const char* odd = "a.b c:d=e,\"f'\\~*?";
struct Names : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, MadeUpEncoder>, Of<"a">, Of<"a/b">,
                                   Of<"a.b c:d=e,\"f'\\~*?">, Of<"µ 点击/auc">> {};

std::string what_of(const char* monitor) {
  return message_of([&] { esp::Monitor(esp::plan_of<Names>(), monitor); });
}

esp::Report report() {
  esp::Report made;
  double value = 0.5;
  for (const std::string_view task : Names::task_names)
    made.tasks.push_back({std::string(task), {{"auc", value += 0.1}}});
  return made;
}

}  // namespace

TEST_CASE("task names: a monitor is split behind the longest task that there is") {
  const auto value = [](const char* monitor) {
    return esp::Monitor(esp::plan_of<Names>(), monitor).value(report(), 0);
  };
  CHECK(value("a/auc") == doctest::Approx(0.6));
  CHECK(value("a/b/auc") == doctest::Approx(0.7));
  CHECK(value((std::string(odd) + "/auc").c_str()) == doctest::Approx(0.8));
  CHECK(value("µ 点击/auc/auc") == doctest::Approx(0.9));
  CHECK(what_of("a/b").starts_with("monitor 'a/b': task 'a' has no metric 'b'; it has auc"));
  CHECK(what_of("a/b/c").starts_with("monitor 'a/b/c': task 'a/b' has no metric 'c'; it has auc"));
  CHECK(what_of("/auc").starts_with(
      "monitor is '/auc', expected 'loss', 'mean_auc', 'a/<metric>', 'a/b/<metric>'"));
}

TEST_CASE(
    "task names: a run's files, a resumed run, freezing and prediction take any line of text") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const esp::Dataset train = made_up(300, 1), valid = made_up(150, 2);
  for (const std::string ending : {"csv", "jsonl"}) {
    esp::TrainerOptions o = quick_options();
    o.epochs = 2;
    o.monitor = "a/b/auc";
    o.freeze = {"a/b/*", "a.b c*/bias"};
    o.checkpoint = folder / ("model-" + ending + ".safetensors");
    o.history = folder / ("history." + ending);
    o.curves = folder / "curves.svg";
    o.events = folder / ("events-" + ending);
    o.diagnose = folder / ("diagnosis." + ending);
    o.diagnose_every = 2;
    esp::Trainer<Names> first(o);
    first.fit(train, valid);
    o.resume = true;
    o.epochs = 3;
    esp::Trainer<Names> trainer(o);
    const esp::FitResult fit = trainer.fit(train, valid);
    CHECK(fit.epochs == 3);
    const esp::History history = esp::History::read(o.history.text());
    REQUIRE(history.rows().size() == 3);
    for (const std::string_view task : Names::task_names) {
      const std::string column = "valid/" + std::string(task) + "/auc";
      CAPTURE(column);
      CHECK(history.rows().back().value(column) == trainer.history().rows().back().value(column));
      CHECK(std::isfinite(history.rows().back().value(column)));
    }
    CHECK(esp::read_file(folder / "curves.svg").find("a.b c:d=e,&quot;f") != std::string::npos);

    // Freezing matches the task's own name, not that of another task with the same prefix.
    esp::Trainer<Names> untouched(o);
    std::vector<float> before, after;
    const esp::Parameters<float> fresh = started<Names>(train, o.seed);
    for (const esp::ParameterInfo& t : esp::plan_of<Names>().tensors) {
      if (!t.trainable) continue;
      const std::string_view name = t.name.view();
      const auto begin = static_cast<std::size_t>(t.offset),
                 end = begin + static_cast<std::size_t>(t.size());
      bool moved = false;
      for (std::size_t i = begin; i < end; ++i)
        moved = moved || fresh.dense[i] != trainer.parameters().dense[i];
      CAPTURE(name);
      const bool frozen =
          name.starts_with("a/b/") || (name.starts_with(odd) && name.ends_with("bias"));
      CHECK(moved != frozen);
    }

    const esp::Predictor<Names> predictor(o.checkpoint.text());
    const esp::Predictions served = predictor.predict(valid), own = trainer.predict(valid);
    for (std::size_t k = 0; k < own.values.size(); ++k) {
      for (std::size_t j = 0; j < own.values[k].size(); ++j)
        CHECK(std::abs(served.values[k][j] - own.values[k][j]) < 1e-5F);
    }
    CHECK(trainer.evaluate(valid).value("a/b", "auc") > 0);
    CHECK(trainer.evaluate(valid).to_string().find(odd) != std::string::npos);
  }
}

TEST_CASE("task names: panels of a diagnosis are split before the pair of tasks") {
  esp::History history;
  esp::HistoryRow row;
  row.step = 1;
  for (const char* group : {"all", "shared/dense0"}) {
    for (const char* pair : {"a~a/b", "a/b~c/d"}) {
      row.values.emplace_back(std::string("gradient_cosine/") + group + "/" + pair, 0.5);
    }
  }
  history.add(row);
  const std::string svg = esp::diagnosis_chart(history).to_svg();
  for (const char* part : {"Agreement of gradients: all<", "Agreement of gradients: shared/dense0<",
                           ">a~a/b<", ">a/b~c/d<"}) {
    CAPTURE(part);
    CHECK(svg.find(part) != std::string::npos);
  }
  CHECK(svg.find("gradients: all/a") == std::string::npos);
  CHECK(svg.find("dense0/a") == std::string::npos);
}
