// SPDX-License-Identifier: Apache-2.0
// All losses.
#pragma once

#include "espalier/losses/binary_cross_entropy.hpp"
#include "espalier/losses/focal.hpp"
#include "espalier/losses/poisson.hpp"
#include "espalier/losses/regression.hpp"
#include "espalier/losses/softmax_cross_entropy.hpp"
