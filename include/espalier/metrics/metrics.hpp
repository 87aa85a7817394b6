// SPDX-License-Identifier: Apache-2.0
// All metrics. Each is computed over a whole split, never as a mean over batches.
#pragma once

// IWYU pragma: begin_exports
#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/baselines.hpp"
#include "espalier/metrics/bootstrap.hpp"
#include "espalier/metrics/calibration.hpp"
#include "espalier/metrics/class_confusion.hpp"
#include "espalier/metrics/confusion.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/metrics/grouped.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/ranks.hpp"
#include "espalier/metrics/regression.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/metrics/values.hpp"
// IWYU pragma: end_exports
