// SPDX-License-Identifier: Apache-2.0
// How many times this program has called operator new. One file of the program is
// support/allocations.inc.
#pragma once

long allocations();
