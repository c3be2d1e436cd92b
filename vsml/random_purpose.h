// vsml/random_purpose.h: what random numbers are drawn for: the `purpose` of every RngKey in vsml/.
//
// Two draws that share seed, step and member must differ in purpose, or they would be the same
// numbers. The values are part of every result: they are never changed or reused.
#pragma once

#include <cstdint>

#include "engine/rng.h"

namespace vsml {

// Noted behind each: what step and member of the key stand for.
enum class RandomPurpose : uint32_t {
  InitialParams = 1,       // parameters before meta-training; 0, number of the named view
  InitialState = 2,        // a learner's state at birth; lifetime, member
  Noise = 3,               // perturbations of the parameters in ES; meta-training step, pair
  LifetimeLength = 4,      // how long a lifetime lasts; lifetime, member
  TaskChoice = 5,          // which of the spec's tasks a lifetime gets; lifetime, member
  EvaluationLifetime = 6,  // derives the seed of meta-test lifetimes, so that they meet no other
  InitialWeights = 7,      // encoded weights at birth; lifetime, member

  // One lifetime of a task (vsml/tasks/task.h); lifetime, member.
  ProjectionChoice = 16,  // whether this lifetime's inputs are projected
  Projection = 17,        // the projection matrix
  PixelPermutation = 18,
  LabelPermutation = 19,
  ExampleOrder = 20,     // order of the set; one derived key per pass over it
  GeneratedInputs = 21,  // inputs of generated sets; sum_sign: one derived key per example
  GeneratedLabels = 22,
  ClassChoice = 23,      // the classes that a lifetime keeps
  Distortion = 24,       // affine maps of images; one derived key per example
  GeneratedFamily = 25,  // the distribution that a lifetime of clusters or teacher has

  StartNoise = 26,   // first step of meta-training; 0, 0
  CloneParams = 27,  // cloning: parameters before it; 0, 0
  CloneCells = 28,   // cloning: the cells of a batch; step, batch of that step

  Derivation = 32,  // seeds of derived keys; index, purpose of the derived key
};

// `key` for another purpose: same seed, step and member.
inline engine::RngKey key_for(engine::RngKey key, RandomPurpose purpose) {
  key.purpose = static_cast<uint32_t>(purpose);
  return key;
}

// One of a sequence of keys for the same purpose, where seed, step and member are taken: the seed
// is replaced by 64 random bits, the first two words of the key (seed, Derivation, index, purpose).
inline engine::RngKey key_for(engine::RngKey key, RandomPurpose purpose, uint32_t index) {
  engine::RandomStream bits(engine::RngKey{key.seed,
                                           static_cast<uint32_t>(RandomPurpose::Derivation), index,
                                           static_cast<uint32_t>(purpose)});
  const uint64_t high = bits.next();
  key.seed = high << 32 | bits.next();
  key.purpose = static_cast<uint32_t>(purpose);
  return key;
}

}  // namespace vsml
