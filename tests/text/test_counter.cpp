// SPDX-License-Identifier: Apache-2.0
// A separate file: inlined functions cannot be replaced.
#include "support/allocations.inc"
