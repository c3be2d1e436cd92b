// vsml/tasks/read_once.h: what is read from files once per process and shared from then on.
#pragma once

#include <map>
#include <memory>
#include <mutex>

namespace vsml {

// Thread-safe. Reading happens under the lock: two that ask at once for the same read it once. A
// failure is not remembered.
template <typename Key, typename Value>
class ReadOnce {
 public:
  template <typename Read>
  std::shared_ptr<const Value> get(const Key& key, const Read& read) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const Value>& value = values_[key];
    if (value == nullptr) value = std::make_shared<const Value>(read());
    return value;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const Value>> values_;
};

}  // namespace vsml
