// SPDX-License-Identifier: Apache-2.0
// Planted violation: a header of plan/ that includes one of train/.
#pragma once

#include "espalier/train/trainer.hpp"
