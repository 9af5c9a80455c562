// The device "cuda:0" without a GPU: its memory is the host's, its operators are those of the processor.
//
// Each operator gets twins of its tensors, which share their memory and lie on the processor, and its results become
// tensors of the device. Tensors of both devices in one call are refused, as by a GPU; what a GPU would wait for is told.
#include <ATen/EmptyTensor.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/extension.h>
#include <torch/library.h>
#include <unordered_set>

using namespace at;

static const Device GPU(DeviceType::CUDA, 0);
static const DispatchKeySet KEYS(DispatchKey::CUDA);

struct Guard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return DeviceType::CUDA; }
  Device exchangeDevice(Device) const override { return GPU; }
  Device getDevice() const override { return GPU; }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  Stream getStream(Device) const override { return Stream(Stream::DEFAULT, GPU); }
  Stream getNewStream(Device, int) const override { return Stream(Stream::DEFAULT, GPU); }
  Stream exchangeStream(Stream) const override { return Stream(Stream::DEFAULT, GPU); }
  DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const Stream&, const DeviceIndex, const EventFlag) const override {}
  void block(void*, const Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const DeviceIndex) const noexcept override {}
  bool queryStream(const Stream&) const override { return true; }
  void synchronizeStream(const Stream&) const override {}
};
namespace at::detail {
C10_REGISTER_GUARD_IMPL(CUDA, Guard);
}

static void release(void* memory) { c10::free_cpu(memory); }

struct Memory final : c10::Allocator {
  DataPtr allocate(size_t size) override {
    void* memory = size ? c10::alloc_cpu(size) : nullptr;
    return {memory, memory, &release, GPU};
  }
  DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* target, const void* source, size_t size) const override { memcpy(target, source, size); }
};
static Memory memory;

static py::object* told = nullptr;
static void tell(const std::string& what) {
  if (told) {
    py::gil_scoped_acquire lock;
    (*told)(what);
  }
}

static ScalarType type_or_default(std::optional<ScalarType> type) {
  return type.value_or(typeMetaToScalarType(get_default_dtype()));
}

static Tensor make(IntArrayRef size, std::optional<ScalarType> type, std::optional<Layout>, std::optional<Device>,
                    std::optional<bool>, std::optional<MemoryFormat> format) {
  return at::detail::empty_generic(size, &memory, KEYS, type_or_default(type), format);
}

static Tensor make_strided(IntArrayRef size, IntArrayRef stride, std::optional<ScalarType> type,
                            std::optional<Layout>, std::optional<Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &memory, KEYS, type_or_default(type));
}

// The same memory as a tensor on the other device; it lives as long as the twin does.
static Tensor twin(const Tensor& tensor, Device device) {
  if (!tensor.defined()) return tensor;
  DataPtr data(tensor.storage().mutable_data(), new Tensor(tensor),
               [](void* owner) { delete static_cast<Tensor*>(owner); }, device);
  c10::Allocator* own = device.is_cuda() ? static_cast<c10::Allocator*>(&memory) : c10::GetCPUAllocator();
  auto storage = c10::make_intrusive<StorageImpl>(StorageImpl::use_byte_size_t(), tensor.storage().nbytes(),
                                                  std::move(data), own, true);
  auto keys = device.is_cuda() ? KEYS : DispatchKeySet(DispatchKey::CPU);
  auto found = at::detail::make_tensor<TensorImpl>(Storage(storage), keys, tensor.dtype());
  found.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  if (tensor.is_conj()) found._set_conj(true);
  if (tensor.is_neg()) found._set_neg(true);
  return found;
}

static Tensor on_host(const Tensor& tensor) {
  return tensor.defined() && tensor.is_cuda() ? twin(tensor, kCPU) : tensor;
}

static Tensor& copy_into(Tensor& self, const Tensor& source, bool non_blocking) {
  if (self.is_cpu()) {
    tell("copy to the host");
  } else if (source.is_cpu() && !non_blocking && source.numel()) {
    tell("copy from the host that is waited for");
  }
  AutoDispatchBelowADInplaceOrView below;
  Tensor target = on_host(self);
  target.copy_(on_host(source));
  return self;
}

static Scalar read_item(const Tensor& self) {
  tell("item");
  return _local_scalar_dense(on_host(self));
}

static const Tensor& give_size(const Tensor& self, IntArrayRef size, std::optional<MemoryFormat>) {
  int64_t wanted = self.itemsize();
  for (auto length : size) wanted *= length;
  wanted += self.storage_offset() * static_cast<int64_t>(self.itemsize());
  auto* storage = self.storage().unsafeGetStorageImpl();
  if (static_cast<int64_t>(storage->nbytes()) < wanted) {
    auto larger = memory.allocate(wanted);
    if (storage->nbytes()) memcpy(larger.get(), storage->data(), storage->nbytes());
    storage->set_data_ptr_noswap(std::move(larger));
    storage->set_nbytes(wanted);
  }
  self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  return self;
}

static Tensor strided_view(const Tensor& self, IntArrayRef size, IntArrayRef stride, std::optional<int64_t> offset) {
  auto found = at::detail::make_tensor<TensorImpl>(TensorImpl::VIEW, Storage(self.storage()), self.key_set(), self.dtype());
  found.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride, offset.value_or(self.storage_offset()));
  return found;
}

static Tensor contiguous_view(const Tensor& self, IntArrayRef size, IntArrayRef stride) {
  return strided_view(self, size, stride, std::nullopt);
}

static Tensor view_of(const Tensor& self, IntArrayRef size) {
  AutoDispatchBelowADInplaceOrView below;
  auto found = on_host(self).view(size);
  return strided_view(self, found.sizes(), found.strides(), found.storage_offset());
}

static Tensor& set_part(Tensor& self, Storage storage, int64_t offset, IntArrayRef size, IntArrayRef stride) {
  self.unsafeGetTensorImpl()->set_storage_keep_dtype(std::move(storage));
  self.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride, offset);
  return self;
}

static Tensor& set_whole(Tensor& self, Storage storage) {
  int64_t size = storage.nbytes() / self.itemsize();
  return set_part(self, std::move(storage), 0, {size}, {1});
}

// What a GPU waits for, because the size of the result depends on values.
static const std::unordered_set<std::string> WAITING = {
    "aten::_unique2", "aten::bincount", "aten::equal", "aten::is_nonzero", "aten::masked_select", "aten::nonzero",
    "aten::repeat_interleave", "aten::unique_consecutive", "aten::unique_dim"};
// What takes indices from the host.
static const std::unordered_set<std::string> INDEXING = {
    "aten::_index_put_impl_", "aten::index", "aten::index_put", "aten::index_put_"};

// A result that was written into an argument is that argument, with the size that it has now.
static void give_back(const Tensor& given, const Tensor& found) {
  if (given.sizes() == found.sizes() && given.data_ptr() == found.data_ptr()) return;
  give_size(given, found.sizes(), std::nullopt);
  on_host(given).copy_(found);
}

static void run(const c10::OperatorHandle& operation, DispatchKeySet, torch::jit::Stack* stack) {
  const auto& schema = operation.schema();
  const auto& parameters = schema.arguments();
  const auto& results = schema.returns();
  const auto first = stack->size() - parameters.size();
  const std::vector<IValue> given(stack->begin() + first, stack->end());
  bool here = false, there = false;
  auto moved = [&](const Tensor& tensor) {
    if (tensor.defined()) {
      there |= tensor.is_cuda();
      here |= !tensor.is_cuda() && tensor.dim() > 0;
    }
    return on_host(tensor);
  };
  for (size_t place = first; place < stack->size(); place++) {
    IValue& value = (*stack)[place];
    if (value.isTensor()) {
      value = moved(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const auto& tensor : value.toTensorVector()) list.push_back(moved(tensor));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> list;
      for (const auto& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional<Tensor>(moved(*tensor)) : std::nullopt);
      }
      value = list;
    } else if (value.isDevice() && value.toDevice().is_cuda()) {
      value = Device(kCPU);
    }
  }
  const auto& name = schema.name();
  TORCH_CHECK(!(here && there) || INDEXING.count(name),
              "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (", name, ")");
  if (WAITING.count(name)) tell(name);
  operation.redispatchBoxed(DispatchKeySet(DispatchKey::CPU), stack);
  const auto start = stack->size() - results.size();
  for (size_t number = 0; number < results.size(); number++) {
    IValue& value = (*stack)[start + number];
    const auto* alias = results[number].alias_info();
    if (alias && alias->isWrite()) {
      for (size_t place = 0; place < parameters.size(); place++) {
        const auto* own = parameters[place].alias_info();
        if (!own || !own->isWrite() || own->beforeSets() != alias->beforeSets()) continue;
        if (given[place].isTensor()) give_back(given[place].toTensor(), value.toTensor());
        value = given[place];
        break;
      }
    } else if (value.isTensor()) {
      value = twin(value.toTensor(), GPU);
    } else if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const auto& tensor : value.toTensorVector()) list.push_back(twin(tensor, GPU));
      value = list;
    }
  }
}

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&run>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("_local_scalar_dense", read_item);
  library.impl("_reshape_alias", contiguous_view);
  library.impl("as_strided", strided_view);
  library.impl("copy_", copy_into);
  library.impl("empty.memory_format", make);
  library.impl("empty_strided", make_strided);
  library.impl("resize_", give_size);
  library.impl("set_.source_Storage", set_whole);
  library.impl("set_.source_Storage_storage_offset", set_part);
  library.impl("view", view_of);
  // These would choose kernels that the processor has not.
  for (const auto* name : {"_embedding_bag", "convolution", "convolution_backward", "native_dropout"}) {
    library.impl(name, torch::CppFunction::makeFromBoxedFunction<&run>());
  }
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, library) {
  c10::SetAllocator(DeviceType::CUDA, &memory, 100);
  library.def("tell", [](py::object function) { told = function.is_none() ? nullptr : new py::object(function); });
}
