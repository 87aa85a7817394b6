// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Defined in region.cpp, which is compiled with the OpenMP flag. Returns true if, inside an
/// application's parallel region of two threads, a pool of three threads runs on the calling thread
/// alone, and a default pool has one thread.
bool pools_run_serially_in_region();

/// Returns true if a trainer's predictions, made by both threads of such a region at once, are
/// bitwise equal to those made outside of it.
bool trains_in_region();
