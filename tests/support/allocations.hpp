// SPDX-License-Identifier: Apache-2.0
// The number of calls of operator new in this program. One file of the program must include
// support/allocations.inc.
#pragma once

long allocations();
