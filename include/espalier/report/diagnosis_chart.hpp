// SPDX-License-Identifier: Apache-2.0
// Chart of the measurements of a `Diagnosis`.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/svg_chart.hpp"

namespace espalier {

/// Panels over steps: the norms of the gradients, the cosines of each layer group, the entropy of
/// all gates, and the load of the experts of each gate. Expects the columns that `Diagnosis`
/// writes.
[[nodiscard]] SvgChart diagnosis_chart(const History& history);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/diagnosis_chart_definitions.hpp"
#endif
