// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/decimal.hpp"
#include "espalier/report/curves.hpp"

using namespace espalier;
using chart_detail::Axis;

namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// A simple check of well-formed XML: tags are closed in order, text has no unescaped markup.
bool well_formed(std::string_view text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '>') return false;
    if (text[at] == '&' && text.substr(at, 8).find(';') == std::string_view::npos) return false;
    if (text[at] != '<') continue;
    const std::size_t end = text.find('>', at);
    if (end == std::string_view::npos) return false;
    const std::string tag(text.substr(at + 1, end - at - 1));
    if (tag.find('<') != std::string::npos || count(tag, "\"") % 2 != 0) return false;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag.front() == '/') {
      if (open.empty() || "/" + open.back() != tag) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty();
}

std::vector<std::string> labels(double low, double high, int ticks, bool whole = false) {
  const Axis axis = Axis::over(low, high, ticks, 0, whole);
  std::vector<std::string> out;
  for (const double tick : axis.ticks()) out.push_back(axis.label(tick));
  return out;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("ticks are at round numbers with as many decimals as it takes") {
  CHECK(labels(0, 1, 5) == Labels{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(labels(0.651, 0.729, 5) == Labels{"0.66", "0.68", "0.70", "0.72"});
  CHECK(labels(1, 10, 8, true) == Labels{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"});
  CHECK(labels(1, 3, 8, true) == Labels{"1", "2", "3"});
  CHECK(labels(1, 1000, 8, true) ==
        Labels{"100", "200", "300", "400", "500", "600", "700", "800", "900", "1000"});
  CHECK(labels(-20000, 20000, 4) == Labels{"-20k", "-10k", "0", "10k", "20k"});
  CHECK(labels(0, 2.5e6, 5) == Labels{"0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"});
  CHECK(labels(0, 2e-7, 2) == Labels{"0", "1e-07", "2e-07"});
}

TEST_CASE("an axis covers its values, whatever they are") {
  constexpr double most = std::numeric_limits<double>::max();
  const double ranges[][2] = {{0, 0},        {5, 5},          {-3, -3},         {1, 1 + 1e-15},
                              {0, 1e-300},   {-1e300, 1e300}, {1e15, 1e15 + 2}, {-1, 1e-9},
                              {0, most / 4}, {0.73, 0.73},    {5e-324, 5e-324}};
  for (const auto& range : ranges) {
    for (const bool whole : {false, true}) {
      CAPTURE(range[0]);
      CAPTURE(range[1]);
      const Axis axis = Axis::over(range[0], range[1], 6, 0.05, whole);
      CHECK(axis.low <= range[0]);
      CHECK(axis.high >= range[1]);
      CHECK(axis.high > axis.low);
      CHECK(axis.ticks().size() <= 24);
      for (const double tick : axis.ticks()) CHECK(axis.label(tick).size() < 20);
    }
  }
  CHECK(Axis::over(1, 0, 5, 0, false).high == 1);  // no values
  const Axis all = Axis::over(-most, most, 6, 0.05, false);
  CHECK(std::isfinite(all.low));
  CHECK(std::isfinite(all.high - all.low));
}

TEST_CASE("curves of a run: a panel per split and metric, a task in one colour") {
  History history;
  for (int epoch = 1; epoch <= 4; ++epoch) {
    HistoryRow row{epoch, epoch * 10, {}};
    row.values = {{"train/click/loss", 0.6 / epoch}, {"train/watch/loss", 1.0 / epoch},
                  {"valid/click/auc", 0.7},          {"valid/watch/rmse", 1.5 / epoch},
                  {"learning_rate", 0.001},          {"valid/click/ratio", 1.0}};
    history.add(row);
  }
  const SvgChart chart = chart_of(history, "my run", 3);
  REQUIRE(chart.panels().size() == 3);
  CHECK(chart.panels()[0].title == "Training loss");
  CHECK(chart.panels()[1].title == "Validation AUC");
  CHECK(chart.panels()[2].title == "Validation RMSE");
  REQUIRE(chart.panels()[0].series.size() == 2);
  CHECK(chart.panels()[0].series[1].name == "watch");
  CHECK(chart.panels()[0].series[1].color == chart.panels()[2].series[0].color);
  CHECK(chart.panels()[0].series[0].y[1] == doctest::Approx(0.3));
  CHECK(chart.panels()[0].marks.at(0).first == 3);
  const std::string svg = chart.to_svg();
  CHECK(well_formed(svg));
  CHECK(count(svg, ">best epoch<") == 3);
  CHECK(count(svg, ">watch<") == 2);
  CHECK(count(svg, "<circle") == 4 * 4);
  CHECK(count(svg, ">my run<") == 2);  // the visible title and the one for screen readers
  CHECK(well_formed(chart_of(History(), "").to_svg()));
}

TEST_CASE("charts of 1 to 20 series and 1 to 1000 points are well formed and stay inside") {
  for (const std::size_t series : {1U, 2U, 11U, 20U}) {
    for (const std::size_t points : {1U, 2U, 30U, 31U, 1000U}) {
      ChartPanel panel;
      for (std::size_t s = 0; s < series; ++s) {
        ChartSeries curve;
        curve.name = "s" + std::to_string(s);
        for (std::size_t i = 0; i < points; ++i) {
          curve.x.push_back(static_cast<double>(i));
          curve.y.push_back(std::sin(static_cast<double>(i + s)));
        }
        panel.series.push_back(curve);
      }
      SvgChart chart;
      chart.add(panel);
      const std::string svg = chart.to_svg();
      CHECK(well_formed(svg));
      CHECK(count(svg, "<path") == 2 * series);
      CHECK(count(svg, "<circle") == (points <= 30 ? points * series : 0));
      CHECK(count(svg, "nan") + count(svg, "inf") == 0);
      CHECK(svg.size() < 20'000 + series * points * 130);
    }
  }
}

TEST_CASE("a chart has points, whatever the locale: a comma would be another number") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool found = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"})
    found = found || std::setlocale(LC_ALL, name) != nullptr;
  if (!found) MESSAGE("no locale with a decimal comma is installed");
  CHECK(chart_detail::number(604.44) == "604.4");
  CHECK(decimal(0.025, 15) == "0.025");
  CHECK(reads_back("0.025", 0.025));
  CHECK(labels(0, 1, 5) == Labels{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  std::setlocale(LC_ALL, before.c_str());
}

TEST_CASE("gaps in a curve, text that looks like markup") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  ChartPanel panel;
  panel.title = "<b>&\"x\"\x01\xFF";
  ChartSeries curve;
  curve.name = "a<b";
  curve.x = {1, 2, 3, 4, 5, 6, 7};
  curve.y = {1, 2, nan, 4, inf, 6, 7, 8};
  panel.series.push_back(curve);
  SvgChart chart("é & ü");
  chart.add(panel);
  const std::string svg = chart.to_svg();
  CHECK(well_formed(svg));
  CHECK(svg.find("&lt;b&gt;&amp;&quot;x&quot;\uFFFD\uFFFD") != std::string::npos);
  CHECK(svg.find(">a&lt;b<") != std::string::npos);
  const std::size_t path = svg.find("<path d=\"");
  const std::string_view first = std::string_view(svg).substr(path, svg.find("fill", path) - path);
  CHECK(count(first, "M") == 3);
  CHECK(count(first, "L") == 2);
  CHECK(count(svg, "<circle") == 5);
}
