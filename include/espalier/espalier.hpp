// SPDX-License-Identifier: Apache-2.0
// Everything that a program needs to describe, train, evaluate, save and use a model.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/csv.hpp"
#include "espalier/data/csv_writer.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/from_matrix.hpp"
#include "espalier/data/join.hpp"
#include "espalier/data/load.hpp"
#include "espalier/data/negative_sampling.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/metrics/metrics.hpp"
#include "espalier/ops/summary.hpp"
#include "espalier/optim/optim.hpp"
#include "espalier/plan/fold.hpp"
#include "espalier/train/importance.hpp"
#include "espalier/train/predictions_csv.hpp"
#include "espalier/train/trainer.hpp"
