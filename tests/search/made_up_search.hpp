// SPDX-License-Identifier: Apache-2.0
// A search space with every kind of parameter, and an objective with a known optimum.
#pragma once

#include <atomic>
#include <cmath>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "espalier/search/run.hpp"
#include "support/message_of.hpp"

namespace espalier_test {

namespace esp = espalier;
namespace search = espalier::search;

inline search::Space made_up_space() {
  return {search::log_uniform("rate", 1e-4, 1e-1), search::uniform("weight", -1, 3),
          search::integer("layers", 1, 4), search::choice("balance", {"equal", "mgda", "famo"})};
}

/// Minimum 0 at rate 1e-2, weight 1, two layers, mgda; larger for later folds and for smaller
/// budgets.
inline double distance(const search::Trial& trial, const search::FoldRun& fold) {
  const double rate = std::log10(trial.real("rate")) + 2, weight = trial.real("weight") - 1;
  const double layers = trial.integer("layers") - 2,
               balance = trial.text("balance") == "mgda" ? 0 : 1;
  const double budget = fold.budget > 0 ? 1.0 / fold.budget : 0;
  return rate * rate + weight * weight + layers * layers + balance + 0.01 * fold.index + budget;
}

inline search::Options quiet() {
  search::Options o;
  o.progress = esp::ShowProgress::never;
  return o;
}

/// The complete content of a result as text.
inline std::string all_of(const search::Result& result) {
  std::string text = result.table(1000);
  for (const search::Outcome& o : result.outcomes) {
    text += std::to_string(o.trial.number) + " " + std::to_string(o.budget) + " " +
            o.trial.values.dump() + " " + o.error();
    for (const search::Score& s : o.folds) text += " " + esp::Json(s.value).dump();
    text += "\n";
  }
  return text;
}

}  // namespace espalier_test
