// Meta-training: what the bits of its results may not depend on.
#include <doctest/doctest.h>

#include "tests/vsml/meta_setup.h"
#include "tests/vsml/vsml_checks.h"

using engine::DType;
using vsml::MetaOptions;
using vsml::MetaState;
using namespace vsml::test;

TEST_CASE("meta-training: the number of threads changes no bit") {
  for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
    CAPTURE(kind.name);
    const MetaSetup s(kind.options, mixed_tasks(), DType::f32);
    MetaState one;
    {
      const Threads threads(1);
      one = s.after(5);
    }
    CHECK(one.step == 5);
    CHECK_FALSE(same_bits(one.params, s.params));
    for (const int count : {2, 3, 7}) {
      const Threads threads(count);
      CHECK(same_bits(s.after(5), one));
    }
  }
}

TEST_CASE("meta-training: stopping and going on from the state changes no bit") {
  for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
    CAPTURE(kind.name);
    const MetaSetup s(kind.options, mixed_tasks(), DType::f32);
    const MetaState straight = s.after(6);
    MetaState state = s.after(3);
    const MetaState copy = state;
    for (int k = 0; k < 3; ++k) s.trainer.step(state);
    CHECK(same_bits(state, straight));
    // The copy was not touched, and another trainer goes on from it as well.
    CHECK(same_bits(copy, s.after(3)));
    const MetaSetup other(kind.options, mixed_tasks(), DType::f32);
    MetaState again = copy;
    for (int k = 0; k < 3; ++k) other.trainer.step(again);
    CHECK(same_bits(again, straight));
  }
}

TEST_CASE("meta-training: a memory budget changes no bit") {
  for (const NamedMetaOptions& kind : meta_options_of_all_kinds()) {
    CAPTURE(kind.name);
    MetaOptions tight = kind.options;
    tight.memory_budget = 0;
    const MetaSetup plain(kind.options, mixed_tasks(), DType::f32);
    const MetaSetup cut(tight, mixed_tasks(), DType::f32);
    CHECK(same_bits(cut.after(3), plain.after(3)));
    CHECK(plain.trainer.predicted_bytes(1) > 0);
    CHECK(plain.trainer.predicted_bytes(2) > plain.trainer.predicted_bytes(1));
  }
}
