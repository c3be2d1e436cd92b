// tests/vsml/idx_files.h: IDX and gzip bytes for tests, made without the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <vector>
#include <zlib.h>

using Bytes = std::vector<uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Bytes idx_header(std::initializer_list<uint32_t> dims, uint8_t type = 8) {
  Bytes bytes = {0, 0, type, static_cast<uint8_t>(dims.size())};
  for (const uint32_t dim : dims) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<uint8_t>(dim >> shift));
  }
  return bytes;
}

// count bytes start, start + 1, ...
inline Bytes counting(size_t count, uint8_t start = 0) {
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = start++;
  return bytes;
}

// As zlib, raw or gzip, as its window_bits say.
inline Bytes deflated(const Bytes& plain, int window_bits, int flush = Z_FINISH) {
  z_stream stream = {};
  if (deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  Bytes packed(deflateBound(&stream, plain.size()) + 64);
  stream.next_in = const_cast<uint8_t*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, flush);
  const auto size = static_cast<std::ptrdiff_t>(stream.total_out);
  deflateEnd(&stream);
  if (status != (flush == Z_FINISH ? Z_STREAM_END : Z_OK)) throw std::runtime_error("deflate");
  return Bytes(packed.begin(), packed.begin() + size);
}

inline Bytes gzip(const Bytes& plain, int flush = Z_FINISH) {
  return deflated(plain, 16 + MAX_WBITS, flush);
}
