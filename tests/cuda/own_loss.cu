// SPDX-License-Identifier: Apache-2.0
// The kernels of the loss in own_loss.hpp, compiled by nvcc; programs that use it are not.
#include "own_loss.hpp"

#include "espalier/losses/cuda/apply.cuh"

ESPALIER_CUDA_LOSS_KERNELS(own::Cubic)
