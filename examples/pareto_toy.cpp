// SPDX-License-Identifier: Apache-2.0
// Balancing methods on conflicting gradients: two parameters, two losses, five starting points,
// after the figures of the CAGrad and Nash-MTL papers. Writes the trajectories and the Pareto front
// to an SVG file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/number_from.hpp"
#include "common/two_objectives.hpp"
#include "espalier/balance/balance.hpp"
#include "espalier/core/atomic_file.hpp"
#include "espalier/report/svg_chart.hpp"

namespace {

namespace esp = espalier;

struct Method {
  std::string name;
  esp::LossWeighting (*make)(const examples::TwoObjectives&);
};

template <class M>
esp::LossWeighting plain(const examples::TwoObjectives&) {
  return M{};
}

/// FAMO needs lower bounds of the losses because they are negative; its weight decay is from its
/// authors' code, CAGrad's radius from its authors' experiment on this problem.
const std::vector<Method> all_methods{
    {"equal", plain<esp::Equal>},
    {"pc_grad", plain<esp::PcGrad>},
    {"mgda", plain<esp::Mgda>},
    {"ca_grad",
     [](const examples::TwoObjectives&) -> esp::LossWeighting { return esp::CaGrad{.c = 0.5}; }},
    {"nash_mtl", plain<esp::NashMtl>},
    {"aligned_mtl", plain<esp::AlignedMtl>},
    {"up_grad", plain<esp::UpGrad>},
    {"famo",
     [](const examples::TwoObjectives& problem) -> esp::LossWeighting {
       return esp::Famo{.weight_decay = 1e-5, .ideal = {-21 * problem.scale, -21}};
     }},
    {"imtl_g", plain<esp::ImtlG>},
    {"fair_grad", plain<esp::FairGrad>},
    {"grad_vac", plain<esp::GradVac>},
    {"uncertainty", plain<esp::Uncertainty>}};

esp::LossWeighting method_of(const std::string& name, const examples::TwoObjectives& problem) {
  const auto found = std::find_if(all_methods.begin(), all_methods.end(),
                                  [&](const Method& m) { return m.name == name; });
  return found->make(problem);
}

/// The losses of every trajectory point, and the front.
esp::ChartPanel panel_of(const std::string& title, const examples::TwoObjectives& problem,
                         const std::vector<std::vector<examples::Point>>& paths) {
  esp::ChartPanel panel{title, "first loss", "second loss", {}};
  const auto series = [&](std::string name, const std::vector<examples::Point>& points,
                          esp::Mark mark, int color) {
    esp::ChartSeries s{std::move(name), {}, {}, mark, color};
    for (const examples::Point& p : points) {
      const auto losses = problem.at(p).losses;
      s.x.push_back(losses[0]);
      s.y.push_back(losses[1]);
    }
    panel.series.push_back(std::move(s));
  };
  series("Pareto front", problem.front(), esp::Mark::line, 9);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const int color = static_cast<int>(i);
    const examples::Point& start = paths[i].front();
    char name[64];
    std::snprintf(name, sizeof name, "from (%g, %g)", start[0], start[1]);
    series(name, paths[i], esp::Mark::line, color);
    series("end", {paths[i].back()}, esp::Mark::points, color);
  }
  return panel;
}

int run(int argc, char** argv) {
  std::vector<std::string> methods{"equal",    "pc_grad",     "mgda",    "ca_grad",
                                   "nash_mtl", "aligned_mtl", "up_grad", "famo"};
  std::vector<std::string> names;
  for (const Method& m : all_methods) names.push_back(m.name);
  std::string output = "pareto_toy.svg";
  int steps = 100000;
  double rate = 1e-3, scale = 0.1;
  bool json = false;
  CLI::App app{"Two losses of two parameters, from five starts: who reaches the Pareto front?",
               "pareto_toy"};
  app.option_defaults()->always_capture_default();
  app.add_option("--balance", methods, "Methods, each a panel of the picture")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--output", output, "The picture");
  app.add_option("--steps", steps, "Steps of Adam")->check(examples::number_from(1));
  app.add_option("--learning-rate", rate, "Of Adam")->check(examples::number_from(0, false));
  app.add_option("--scale", scale,
                 "Of the first loss: 0.1 in the Nash-MTL paper, 1 in the CAGrad paper")
      ->check(examples::number_from(0, false));
  app.add_flag("--json", json, "Print one JSON object as the last line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "pareto_toy: " << error.what() << " (see --help)\n";
    return 1;
  }
  const examples::TwoObjectives problem{scale};
  esp::SvgChart chart("Two losses from five starts");
  nlohmann::ordered_json line;
  line["example"] = "pareto_toy";
  line["steps"] = steps;
  line["above_front"] = nlohmann::ordered_json::object();
  std::printf(
      "how far each start's end lies above the Pareto front, in units of the losses; 0 is on it\n");
  for (const std::string& name : methods) {
    std::vector<std::vector<examples::Point>> paths;
    std::printf("%-22s", name.c_str());
    for (const examples::Point& start : examples::two_objectives_starts) {
      paths.push_back(
          examples::trajectory(problem, method_of(name, problem), start, steps, rate, 500));
      const double above = problem.above_front(paths.back().back());
      std::printf(" %8.3f", above);
      line["above_front"][name].push_back(above);
    }
    std::printf("\n");
    chart.add(panel_of(name, problem, paths));
  }
  esp::write_file_atomically(output, chart.to_svg());
  std::printf("picture: %s\n", output.c_str());
  if (json) std::cout << line.dump() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "pareto_toy: " << error.what() << '\n';
    return 1;
  }
}
