// SPDX-License-Identifier: Apache-2.0
// All operations, except those on the steps of sequences: see espalier/sequences.hpp.
#pragma once

#include "espalier/ops/activate.hpp"
#include "espalier/ops/add.hpp"
#include "espalier/ops/attention_pool.hpp"
#include "espalier/ops/dense.hpp"
#include "espalier/ops/domain_dense.hpp"
#include "espalier/ops/dropout.hpp"
#include "espalier/ops/funnel.hpp"
#include "espalier/ops/gate.hpp"
#include "espalier/ops/gate_options.hpp"
#include "espalier/ops/inputs.hpp"
#include "espalier/ops/mixture_logit.hpp"
#include "espalier/ops/multiply.hpp"
#include "espalier/ops/normalize.hpp"
#include "espalier/ops/propensity.hpp"
#include "espalier/ops/route.hpp"
#include "espalier/ops/select.hpp"
#include "espalier/ops/stitch.hpp"
