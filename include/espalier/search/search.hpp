// SPDX-License-Identifier: Apache-2.0
// All headers of the hyper-parameter search. Not part of espalier.hpp: a program that searches
// includes this file.
#pragma once

#include "espalier/balance/fixed_weights.hpp"
#include "espalier/search/cross_validation.hpp"
#include "espalier/search/fingerprint.hpp"
#include "espalier/search/models.hpp"
#include "espalier/search/result.hpp"
#include "espalier/search/run.hpp"
#include "espalier/search/score_file.hpp"
#include "espalier/search/space.hpp"
#include "espalier/search/strategy.hpp"
#include "espalier/search/trial.hpp"
