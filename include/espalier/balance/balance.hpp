// SPDX-License-Identifier: Apache-2.0
// All loss weightings and gradient methods.
#pragma once

#include "espalier/balance/equal.hpp"
#include "espalier/balance/gradient_method.hpp"
#include "espalier/balance/make_balance.hpp"
#include "espalier/balance/mean_gradient.hpp"
#include "espalier/balance/mgda.hpp"
#include "espalier/balance/uncertainty.hpp"
#include "espalier/balance/weighting.hpp"
