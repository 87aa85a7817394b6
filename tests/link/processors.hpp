// SPDX-License-Identifier: Apache-2.0
// One program of units that are compiled for different processors: each must compute with its own registers' width.
#pragma once

/// How many of a unit's results are wrong.
int wrong_in_baseline_unit();
int wrong_in_v3_unit();
int wrong_in_v4_unit();
