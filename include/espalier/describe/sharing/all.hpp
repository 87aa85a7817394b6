// SPDX-License-Identifier: Apache-2.0
// Includes all sharing architectures.
#pragma once

#include "espalier/describe/sharing.hpp"
#include "espalier/describe/sharing/adatt.hpp"
#include "espalier/describe/sharing/aitm.hpp"
#include "espalier/describe/sharing/branches.hpp"
#include "espalier/describe/sharing/cross_stitch.hpp"
#include "espalier/describe/sharing/dbmtl.hpp"
#include "espalier/describe/sharing/dselect_k.hpp"
#include "espalier/describe/sharing/escm2.hpp"
#include "espalier/describe/sharing/esmm.hpp"
#include "espalier/describe/sharing/hmoe.hpp"
#include "espalier/describe/sharing/home.hpp"
#include "espalier/describe/sharing/meta_heac.hpp"
#include "espalier/describe/sharing/mtan.hpp"
#include "espalier/describe/sharing/one_gate_moe.hpp"
#include "espalier/describe/sharing/pepnet.hpp"
#include "espalier/describe/sharing/ple.hpp"
#include "espalier/describe/sharing/star.hpp"
#include "espalier/describe/sharing/stem.hpp"
#include "espalier/describe/sharing/sub_network_routing.hpp"
