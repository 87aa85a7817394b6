// SPDX-License-Identifier: Apache-2.0
// What an example writes about its test split besides the table: predictions, charts, importance of
// inputs.
#pragma once

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "common/options.hpp"
#include "espalier/core/file.hpp"
#include "espalier/espalier.hpp"
#include "espalier/report/calibration_chart.hpp"
#include "espalier/report/confusion_chart.hpp"

namespace examples {

/// Writes calibration.svg and confusion.svg to `log` if some task has them, and what the options
/// request. `ids`: the columns that identify a row.
inline void answer(const Options& o, espalier::PlanTrainer& trainer, const espalier::Dataset& test,
                   const std::vector<std::string>& ids, const std::filesystem::path& log) {
  namespace esp = espalier;
  const esp::EncodedData encoded = trainer.features().encode(test);
  const esp::Predictions predictions = trainer.predict(encoded);
  using esp::LabelKind;
  if (const auto tasks = esp::labelled(trainer.plan(), encoded, predictions, {LabelKind::binary});
      !tasks.empty())
    esp::write_file_atomically((log / "calibration.svg").string(),
                               esp::calibration_svg(tasks, "Calibration on the test split"));
  if (const auto tasks = esp::labelled(trainer.plan(), encoded, predictions,
                                       {LabelKind::classes, LabelKind::binary});
      !tasks.empty())
    esp::write_file_atomically((log / "confusion.svg").string(),
                               esp::confusion_svg(tasks, "Confusion on the test split"));
  if (!o.predictions.empty()) {
    esp::write_csv(o.predictions, predictions, test, ids);
    std::cout << "\npredictions of " << predictions.samples() << " rows: " << o.predictions << '\n';
  }
  if (!o.importance) return;
  const esp::Importance importance = esp::importance(trainer, test);
  esp::write_file_atomically((log / "importance.svg").string(), importance.to_svg());
  std::cout << '\n' << importance;
}

}  // namespace examples
