// SPDX-License-Identifier: Apache-2.0
// Inputs with two time steps, and tasks that read the last one.
#pragma once

#include "../support/steps.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "wrong_shape.hpp"

using espalier_test::LastStep;
using TwoSteps = espalier_test::InTwoSteps<Inputs>;
using View = esp::Task<"view", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
