// SPDX-License-Identifier: Apache-2.0
// Charts of calibration and of confusion matrices.
#include <doctest/doctest.h>

#include "espalier/core/file.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/report/calibration_chart.hpp"
#include "espalier/report/confusion_chart.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

struct OnlyWatch : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Mlp<4>>, Watch> {};

}  // namespace

TEST_CASE("calibration: a dot a bin, at its mean prediction and its share of ones") {
  const std::vector<double> p{0.1, 0.1, 0.2, 0.2, 0.7, 0.9, 0.8, 0.8}, y{0, 0, 0, 1, 1, 1, 1, 1};
  const std::string svg = esp::calibration_svg({{"click", p, y}}, "Test", {.bins = 2});
  CHECK(count(svg, "<circle") == 2);
  // The axis ends at 1 and is 300 pixels wide from x = 84: means 0.15 and 0.8, shares 0.25 and 1.
  CHECK(svg.find("<circle cx=\"129\" cy=\"313\"") != std::string::npos);
  CHECK(svg.find("<circle cx=\"324\" cy=\"88\"") != std::string::npos);
  CHECK(svg.find(">click: ECE 0.2000<") != std::string::npos);
  CHECK(count(svg, "#93c5fd") == 2);           // intervals
  CHECK(count(svg, "fill=\"#94a3b8\"") == 5);  // five distinct predictions
  // Bins of equal width: a bin without samples has no dot.
  CHECK(count(esp::calibration_svg({{"click", p, y}}, "", {.bins = 10, .equal_counts = false}),
              "<circle") == 5);
  const std::vector<double> w(8, 2.0);
  CHECK(count(esp::calibration_svg({{"click", p, y, w}}), "#93c5fd") == 0);
}

TEST_CASE("calibration: no labels, and probabilities that are none") {
  const std::vector<float> p{0.5F, 0.5F}, none(2, std::numeric_limits<float>::quiet_NaN()),
      wrong{0.5F, 1.5F}, ones{1, 1};
  const std::string svg = esp::calibration_svg({{"click", p, none}});
  CHECK(svg.find(">no labels<") != std::string::npos);
  CHECK(svg.find(">click: ECE n/a<") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(message_of([&] {
          static_cast<void>(esp::calibration_svg({{"click", wrong, ones}}));
        }) == "reliability_quantiles: prediction 1 is 1.5; expected a probability in [0, 1]");
}

TEST_CASE("confusion: shares of each label's row, by name, of classes and of a binary task") {
  // Four samples of class 0, one of them predicted as 1; two of class 2, one predicted as 0; none
  // of class 1.
  const std::vector<double> p{.8, .1, .1, .8, .1, .1, .8, .1, .1,
                              .2, .7, .1, .1, .1, .8, .5, .1, .4},
      y{0, 0, 0, 0, 2, 2};
  const std::string svg = esp::confusion_svg(
      {{"stars", p, y, {}, 3, {"bad & sad", "so", "a name that is longer than there is room"}}});
  CHECK(svg.find(">stars: accuracy 0.6667<") != std::string::npos);
  CHECK(count(svg, ">75%<") == 1);
  CHECK(count(svg, ">25%<") == 1);
  CHECK(count(svg, ">50%<") == 2);
  CHECK(count(svg, "rgb(255,255,255)") == 5);
  CHECK(count(svg, ">bad &amp; sad<") == 2);
  CHECK(count(svg, ">a name that is lo…<") == 2);

  const std::vector<double> q{0.2, 0.6, 0.7, 0.9}, z{0, 0, 1, 1};
  const std::string binary = esp::confusion_svg({{"click", q, z}}, "", 0.8);
  CHECK(binary.find(">click: accuracy 0.7500 at 0.8<") != std::string::npos);
  CHECK(count(binary, ">100%<") == 1);
  CHECK(count(binary, ">50%<") == 2);
  const std::string many = esp::confusion_svg({{"film", {}, {}, {}, 61}});
  CHECK(many.find(">film: 61 classes, too many for a picture<") != std::string::npos);
}

TEST_CASE("calibration and confusion of a trainer and of a predictor") {
  const TemporaryFolder folder;
  esp::Trainer<Bottom> trainer(quick_options());
  trainer.fit(made_up(300, 1));
  const esp::Dataset test = made_up(200, 2, 0.1);
  esp::write_calibration(folder / "a.svg", trainer, test);
  esp::write_confusion(folder / "b.svg", trainer, test);
  trainer.save(folder / "m");
  const esp::Predictor<Bottom> predictor(folder / "m");
  esp::write_calibration(folder / "c.svg", predictor, test, "Served");
  char ece[40];
  std::snprintf(ece, sizeof ece, ">click: ECE %.4f<", trainer.evaluate(test).value("click", "ece"));
  CHECK(esp::read_file(folder / "a.svg").find(ece) != std::string::npos);
  CHECK(esp::read_file(folder / "a.svg").find("watch") == std::string::npos);
  CHECK(count(esp::read_file(folder / "a.svg"), "<circle") == 10);
  CHECK(esp::read_file(folder / "c.svg").find(">Served<") != std::string::npos);
  CHECK(count(esp::read_file(folder / "b.svg"), "rgb(") == 4);
  esp::Trainer<OnlyWatch> other(quick_options());
  other.fit(made_up(100, 1));
  CHECK(message_of([&] { esp::write_calibration(folder / "d.svg", other, test); }) ==
        "calibration: the model has no binary task, expected one or more");
  CHECK(message_of([&] { esp::write_confusion(folder / "d.svg", other, test); }) ==
        "confusion: the model has no binary task and none of classes, expected one or more");
}
