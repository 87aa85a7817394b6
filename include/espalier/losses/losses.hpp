// SPDX-License-Identifier: Apache-2.0
// All losses.
#pragma once

#include "espalier/losses/absolute_error.hpp"
#include "espalier/losses/apply.hpp"
#include "espalier/losses/binary_cross_entropy.hpp"
#include "espalier/losses/focal.hpp"
#include "espalier/losses/huber.hpp"
#include "espalier/losses/poisson.hpp"
#include "espalier/losses/softmax_cross_entropy.hpp"
#include "espalier/losses/squared_error.hpp"
#include "espalier/losses/weighted_logistic.hpp"
