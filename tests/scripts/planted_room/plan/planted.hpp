// SPDX-License-Identifier: Apache-2.0
// Planted: a plan that knows of training.
#pragma once

#include "espalier/train/trainer.hpp"
