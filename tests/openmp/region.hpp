// SPDX-License-Identifier: Apache-2.0
#pragma once

/// In region.cpp, which is compiled with the OpenMP flag: inside an application's own parallel region of two threads a
/// pool asked for three threads runs on the calling one alone, and a pool for which none are asked has one.
bool pools_run_serially_in_region();

/// A trainer's predictions there, by both threads at once, are those outside, to the bit.
bool trains_in_region();
