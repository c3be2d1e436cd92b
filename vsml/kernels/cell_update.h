// vsml/kernels/cell_update.h: what a tick does to one cell's gates, written once for the vectors of
// every processor and for a GPU's single lanes (V: cpu/vector.h, cuda/lane.h). Everything here has
// internal linkage, so that no copy for a newer instruction set is ever linked into another.
//
// The three sigmoid gates come negated and in units of ln 2, so that they go straight into 2^x.
#pragma once

#include "engine/kernels/view.h"

namespace vsml::kernels {
namespace {

enum Gate { kInput, kCandidate, kForget, kOutput, kGates };

constexpr float kMinusLog2E = -1.44269504088896341f;

// Of 2^x in a sigmoid, 1 / (1 + 2^x): past 2^60 it is below 1e-18, and before 2^-100 it is 1.
constexpr float kLeastExponent = -100.0f, kMostExponent = 60.0f;

// tanh(x) = numerator / denominator, relative error 3e-7; denominator from 1 to 430. The quotient
// is left to the caller, who shares it.
template <class V>
struct TanhFraction {
  typename V::Vec numerator, denominator;
};

template <class V>
ENGINE_HD TanhFraction<V> tanh_fraction(typename V::Vec x) {
  x = V::clamp(x, -9.02f, 9.02f);
  // Minimax in z = x^2 for the relative error, 4 over 4: 2.1e-8.
  const typename V::Vec z = x * x;
  typename V::Vec n = V::all(1.33192957e-8f), d = V::all(7.76211684e-7f);
  n = V::fma(n, z, V::all(2.05836627e-5f));
  d = V::fma(d, z, V::all(3.2831117e-4f));
  n = V::fma(n, z, V::all(3.49404649e-3f));
  d = V::fma(d, z, V::all(2.58711196e-2f));
  n = V::fma(n, z, V::all(0.133797283f));
  d = V::fma(d, z, V::all(0.467130436f));
  return {x * V::fma(n, z, V::all(1.0f)), V::fma(d, z, V::all(1.0f))};
}

// The values of a tick that its gradient needs.
template <class V>
struct CellValues {
  typename V::Vec input, value, forget, output, shown;
};

template <class V>
struct NextCell {
  typename V::Vec h, c;
};

// The next h and c.
template <class V>
ENGINE_HD NextCell<V> next_cell(const typename V::Vec (&gates)[kGates], typename V::Vec c) {
  const auto one = V::all(1.0f);
  // A forget gate of exactly 1 and a candidate of exactly 0 leave c as it is, bit for bit.
  const auto forget = V::divide(one, one + V::exp2_limited(gates[kForget]));
  const TanhFraction<V> candidate = tanh_fraction<V>(gates[kCandidate]);
  const auto closed = one + V::exp2_limited(gates[kInput]);
  const auto hidden = one + V::exp2_limited(gates[kOutput]);
  const auto written = V::divide(candidate.numerator, closed * candidate.denominator);
  const auto memory = V::fma(forget, c, written);
  const TanhFraction<V> shown = tanh_fraction<V>(memory);
  return {V::divide(shown.numerator, hidden * shown.denominator), memory};
}

// The same, with the values in between.
template <class V>
ENGINE_HD NextCell<V> next_cell_keeping(const typename V::Vec (&gates)[kGates], typename V::Vec c,
                                        CellValues<V>& kept) {
  const auto one = V::all(1.0f);
  kept.forget = V::divide(one, one + V::exp2_limited(gates[kForget]));
  const TanhFraction<V> candidate = tanh_fraction<V>(gates[kCandidate]);
  const auto closed = one + V::exp2_limited(gates[kInput]);
  const auto hidden = one + V::exp2_limited(gates[kOutput]);
  const auto share = V::divide(one, closed * candidate.denominator);
  kept.input = share * candidate.denominator;
  kept.value = candidate.numerator * (share * closed);
  const auto memory = V::fma(kept.forget, c, kept.input * kept.value);
  const TanhFraction<V> shown = tanh_fraction<V>(memory);
  const auto other = V::divide(one, hidden * shown.denominator);
  kept.output = other * shown.denominator;
  kept.shown = shown.numerator * (other * hidden);
  return {kept.output * kept.shown, memory};
}

// From the gradients dh, dc after a tick to those of its gates and, in dc, of c before it.
template <class V>
ENGINE_HD void gate_gradients_of(const CellValues<V>& kept, typename V::Vec c, typename V::Vec dh,
                                 typename V::Vec& dc, typename V::Vec (&dgates)[kGates]) {
  const auto one = V::all(1.0f);
  const auto dshown = dh * kept.output;
  const auto memory = V::fma(dshown, V::fnma(kept.shown, kept.shown, one), dc);
  dgates[kInput] = memory * kept.value * kept.input * (one - kept.input);
  dgates[kCandidate] = memory * kept.input * V::fnma(kept.value, kept.value, one);
  dgates[kForget] = memory * c * kept.forget * (one - kept.forget);
  dgates[kOutput] = dshown * kept.shown * (one - kept.output);
  dc = memory * kept.forget;
}

}  // namespace
}  // namespace vsml::kernels
