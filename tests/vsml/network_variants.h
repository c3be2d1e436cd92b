// tests/vsml/network_variants.h: small networks that together use every option.
#pragma once

#include <string>
#include <vector>

#include "vsml/network.h"

namespace vsml::test {

struct NetworkVariant {
  std::string name;
  NetworkOptions options;
  TaskDims task = {3, 2};
};

std::vector<NetworkVariant> network_variants();
// The same of networks that begin with convolutions.
std::vector<NetworkVariant> conv_variants();

// Two layers of cells with H = M = 2; everything else plain.
NetworkOptions small_network();

// A state with every number away from 0, reverse messages too.
NetworkState lively_state(const Network& network, int64_t members, int64_t batch, uint64_t salt);

}  // namespace vsml::test
