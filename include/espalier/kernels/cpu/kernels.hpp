// SPDX-License-Identifier: Apache-2.0
// All of the CPU's kernels, except those for the steps of sequences: see espalier/sequences.hpp.
#pragma once

#include "espalier/kernels/cpu/attention_pool.hpp"
#include "espalier/kernels/cpu/copy.hpp"
#include "espalier/kernels/cpu/dense.hpp"
#include "espalier/kernels/cpu/domain_dense.hpp"
#include "espalier/kernels/cpu/dropout.hpp"
#include "espalier/kernels/cpu/funnel.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/gate_options.hpp"
#include "espalier/kernels/cpu/loss.hpp"
#include "espalier/kernels/cpu/mixture_logit.hpp"
#include "espalier/kernels/cpu/multiply.hpp"
#include "espalier/kernels/cpu/normalize.hpp"
#include "espalier/kernels/cpu/projection.hpp"
#include "espalier/kernels/cpu/propensity.hpp"
#include "espalier/kernels/cpu/route.hpp"
#include "espalier/kernels/cpu/select.hpp"
#include "espalier/kernels/cpu/stitch.hpp"
