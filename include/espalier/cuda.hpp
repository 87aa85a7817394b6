// SPDX-License-Identifier: Apache-2.0
// `Trainer<Model, Cuda>` and `Predictor<Model, Cuda>`: on an NVIDIA GPU. Link espalier::cuda.
#pragma once

#include "espalier/espalier.hpp"
#include "espalier/exec/cuda/executor.hpp"
#include "espalier/exec/cuda/inference.hpp"
