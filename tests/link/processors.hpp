// SPDX-License-Identifier: Apache-2.0
// One program of units compiled for different processors: each must use its own register width.
#pragma once

/// The number of wrong results of a unit.
int wrong_in_baseline_unit();
int wrong_in_v3_unit();
int wrong_in_v4_unit();
