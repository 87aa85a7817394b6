// SPDX-License-Identifier: Apache-2.0
#include "every_header.hpp"

int version_seen_by_other_unit();

int version_seen_by_other_unit() { return ESPALIER_VERSION_MINOR; }
