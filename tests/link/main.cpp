// SPDX-License-Identifier: Apache-2.0
// With other.cpp: two translation units that include every header.
#include "every_header.hpp"

int version_seen_by_other_unit();

int main() { return version_seen_by_other_unit() == ESPALIER_VERSION_MINOR ? 0 : 1; }
