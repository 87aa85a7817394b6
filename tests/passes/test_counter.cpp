// SPDX-License-Identifier: Apache-2.0
// A file of its own: what is inlined cannot be replaced.
#include "support/allocations.inc"
