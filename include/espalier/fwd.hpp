// SPDX-License-Identifier: Apache-2.0
// Forward declarations of operations. Descriptors refer to operations without including them, so
// that a program compiles only what it uses.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier {

/// The operations of a plan; they are defined in ops/.
namespace ops {
struct NumericInput;
struct Embedding;
struct EmbeddingSequence;
struct PoolSteps;
struct CompareSteps;
struct WeighSteps;
struct AddPositions;
struct AddSinusoids;
struct RotateSteps;
struct SelfAttention;
struct PointwiseAttention;
struct TargetAttention;
struct AttendSteps;
struct Gru;
struct Lstm;
struct ItemSoftmax;
struct AddToLoss;
struct Dense;
struct DomainDense;
struct Add;
struct Activate;
struct Dropout;
struct LayerNorm;
struct BatchMoments;
struct BatchNormalize;
struct Softmax;
struct Mix;
struct MixOnto;
struct GateDropout;
struct GateLoad;
struct LoadBalance;
struct Multiply;
struct Stitch;
struct Route;
struct Select;
struct AttentionPool;
struct ProductLogit;
struct MixtureLogit;
struct Broadcast;
struct Calibrate;
struct InversePropensity;
struct DoublyRobust;
struct Copy;
}  // namespace ops

/// A list of types.
template <class... Ts>
struct TypeList {};

}  // namespace espalier
