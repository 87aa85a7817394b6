// SPDX-License-Identifier: Apache-2.0
// How many times this program has called operator new. Link tests/train/test_allocations.cpp.
#pragma once

long allocations();
