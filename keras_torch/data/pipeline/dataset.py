"""`tf.data.Dataset`: a pipeline of steps over elements, on torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.ragged import RaggedTensor
from keras_torch.backend.string_array import StringArray, encoded
from keras_torch.data.numpy_bridge import to_numpy
from keras_torch.data.pipeline import buckets, combining, grouping, steps, stored
from keras_torch.data.pipeline.blocks import Block, Stacked, rebuilt, to_element
from keras_torch.data.pipeline.iterators import ElementIterator, GraphIterator
from keras_torch.data.pipeline.sources import INFINITE, UNKNOWN, Items, Kept, RandomNumbers, Slices, Step, generator_of
from keras_torch.data.pipeline.spec import TensorSpec, cast_like, spec_of
from keras_torch.data.structure import flatten, map_structure

AUTOTUNE = -1
INFINITE_CARDINALITY = INFINITE
UNKNOWN_CARDINALITY = UNKNOWN


class Dataset:
    """Elements (tensors, or tuples and dicts of them) made by a pipeline of steps, anew for each pass.

    `fit`, `evaluate` and `predict` take a dataset of batches; iterating gives torch tensors. Methods and arguments are
    those of TensorFlow 2.15. Functions given to `map` and `filter` are applied to whole blocks by `torch.func.vmap`
    where that gives the same. Arguments that only steer TensorFlow's runtime (`deterministic`, `name`) change nothing:
    the order is always that of the elements. Random orders repeat under `keras.utils.set_random_seed`; they are not
    TensorFlow's.
    """

    def __init__(self, step: Step) -> None:
        self.step = step

    # Sources

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """Return the slices of arrays along their first axis: arrays and frames, tuples or dicts of them."""
        value = to_element(tensors)
        leaves = flatten(value)
        if any(isinstance(leaf, RaggedTensor) for leaf in leaves):
            return Dataset(Kept([rebuilt(value, row) for row in zip(*leaves, strict=True)]))
        return Dataset(Slices(value))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """Return one element."""
        return Dataset(Kept([to_element(tensors)]))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Return what `generator(*args)` yields; it is called anew for each pass. Elements get the types asked for."""
        if not callable(generator):
            raise TypeError(
                f"`generator` must be a function that returns an iterator. Received: {generator!r:.100}. "
                "Pass the function itself, not what it returns."
            )
        if output_signature is not None and (output_types is not None or output_shapes is not None):
            raise TypeError("`output_types` and `output_shapes` cannot be given along with `output_signature`.")
        if output_signature is None and output_types is not None:
            output_signature = TensorSpec.structure(output_types, output_shapes)
        arguments = tuple(map(to_element, args or ()))
        convert = to_element if output_signature is None else (lambda item: cast_like(item, output_signature))
        made = Dataset(Items(lambda: generator(*arguments), UNKNOWN, convert))
        made._spec = output_signature
        return made

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Return numbers, by the arguments of Python's `range`."""
        numbers = range(*(int(item) for item in args))
        values = torch.arange(numbers.start, numbers.stop, numbers.step) if len(numbers) else torch.zeros(0).long()
        return Dataset(Slices(values.to(config.torch_dtype(output_type))))

    @staticmethod
    def from_list(elements: list[Any], name: str | None = None) -> Dataset:
        """Return the items of a list; their shapes may differ."""
        return Dataset(Kept([to_element(item) for item in elements]))

    @staticmethod
    def counter(start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """Return evenly spaced numbers without end."""
        kind = config.torch_dtype(dtype)
        return Dataset(combining.Counting(0)).map(lambda number: (int(start) + number * int(step)).to(kind))

    @staticmethod
    def random(seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: Any = None) -> Dataset:
        """Return random int64 numbers between 0 and 2**32, without end."""
        return Dataset(RandomNumbers(seed, bool(rerandomize_each_iteration)))

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: Any = None
    ) -> Dataset:
        """Return the paths that match one or several patterns, in a new random order for each pass by default."""
        import glob

        patterns = [str(item) for item in np.ravel(np.asarray(file_pattern, object))]
        paths = sorted({path for pattern in patterns for path in glob.glob(os.path.expanduser(pattern))})
        if not paths:
            raise ValueError(f"`list_files`: no file matches. Received: {patterns}, in {os.getcwd()!r}")
        found = Dataset.from_tensor_slices(paths)
        return found if shuffle is False else found.shuffle(len(paths), seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Return elements of several datasets side by side, as the arguments, or the one structure, are nested."""
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        structure = tuple(structure) if isinstance(structure, list) else structure
        wrong = [item for item in flatten(structure) if not isinstance(item, Dataset)]
        if wrong:
            raise TypeError(f"`zip` takes datasets. Received: {wrong[0]!r:.100} of type {type(wrong[0]).__name__}")
        return Dataset(combining.Zip(map_structure(lambda item: item.step, structure)))

    @staticmethod
    def sample_from_datasets(
        datasets: list[Dataset],
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Return elements of datasets drawn at random, by `weights` or evenly."""
        shares = torch.ones(len(datasets)) if weights is None else torch.as_tensor(weights).float()
        if len(shares) != len(datasets):
            raise ValueError(
                f"`weights` must have one number for each of {len(datasets)} datasets. Received: {weights}"
            )
        generator = generator_of(seed)
        start = generator.get_state()

        def choose() -> Iterator[int]:
            if not rerandomize_each_iteration:
                generator.set_state(start)
            while True:
                yield from torch.multinomial(shares, 1024, replacement=True, generator=generator).tolist()

        inner = [item.step for item in datasets]
        size = UNKNOWN if stop_on_empty_dataset else combining.Chain(inner).size
        return Dataset(combining.Choice(inner, choose, stop_on_empty_dataset, size))

    @staticmethod
    def choose_from_datasets(
        datasets: list[Dataset], choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Return elements of datasets in the order of the numbers in `choice_dataset`."""
        inner = [item.step for item in datasets]
        return Dataset(
            combining.Choice(inner, lambda: map(int, choice_dataset.step.elements()), stop_on_empty_dataset, UNKNOWN)
        )

    # One element, or many

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Apply a function to each element; a tuple's items are its arguments.

        With `num_parallel_calls`, a function that must be called for each element (one that reads files, say) runs in
        that many threads; AUTOTUNE is one for each core.
        """
        workers = 0
        if num_parallel_calls is not None:
            workers = (os.cpu_count() or 1) if num_parallel_calls < 0 else int(num_parallel_calls)
        return Dataset(steps.Map(self.step, map_func, workers))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Keep the elements for which a function is true."""
        return Dataset(steps.Filter(self.step, predicate))

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Stack `batch_size` consecutive elements; the last batch may be smaller. ValueError if shapes differ."""
        return Dataset(grouping.Batch(self.step, _positive(batch_size, "batch_size"), bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Stack elements whose sizes differ, filled up with zeros (or `padding_values`) behind their values."""
        size = _positive(batch_size, "batch_size")
        join = lambda blocks: grouping.padded(blocks, padded_shapes, padding_values)  # noqa: E731
        return Dataset(grouping.Batch(self.step, size, bool(drop_remainder), join))

    def unbatch(self, name: str | None = None) -> Dataset:
        """Return the entries along the first axis of each element."""
        return Dataset(grouping.Unbatch(self.step))

    def rebatch(self, batch_size: int, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """Return the same samples in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False, name: Any = None
    ) -> Dataset:
        """Return datasets of `size` elements, each starting `shift` after the one before."""
        size = _positive(size, "size")
        shift = size if shift is None else _positive(shift, "shift")
        stride = _positive(stride, "stride")
        return Dataset(grouping.Window(self.step, size, shift, stride, drop_remainder, _of_block))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return the elements of the datasets that a function makes of the elements, one dataset after another."""
        return Dataset(grouping.Interleave(self.step, map_func, 1, 1))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """As `flat_map`, with `block_length` elements in turn from each of `cycle_length` open datasets."""
        cycle = (os.cpu_count() or 1) if cycle_length in (None, AUTOTUNE) else _positive(cycle_length, "cycle_length")
        return Dataset(grouping.Interleave(self.step, map_func, cycle, block_length or 1))

    def scan(self, initial_state: Any, scan_func: Callable[[Any, Any], Any], name: str | None = None) -> Dataset:
        """Apply a function of (state, element) that returns (next state, result)."""
        return Dataset(steps.Scan(self.step, initial_state, scan_func))

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None) -> Any:
        """Return the last state of a function of (state, element) that returns the next state."""
        state = to_element(initial_state)
        for element in self.step.elements():
            with torch.no_grad():
                state = to_element(reduce_func(state, element))
        return state

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[[Any, Dataset], Dataset],
        window_size: int | None = None,
        window_size_func: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return what `reduce_func(key, dataset)` makes of each `window_size` elements of one key."""
        if (window_size is None) == (window_size_func is None):
            raise ValueError("Exactly one of `window_size` and `window_size_func` must be given.")

        def size_of(key: int) -> int:
            return int(window_size_func(torch.tensor(key)) if window_size_func is not None else window_size)  # type: ignore[arg-type]

        def reduced(key: int, items: list[Any]) -> Step:
            return reduce_func(torch.tensor(key), Dataset(Kept(items))).step

        return Dataset(buckets.GroupByWindow(self.step, key_func, reduced, size_of))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return batches of elements whose lengths lie between the same boundaries, padded to the longest.

        With `pad_to_bucket_boundary` to the bucket's boundary less 1. Buckets are one more than boundaries.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                "`bucket_batch_sizes` must have one size more than there are `bucket_boundaries`. "
                f"Received: {len(bucket_batch_sizes)} sizes and {len(bucket_boundaries)} boundaries"
            )

        def batches(bucket: int, items: list[Any]) -> Step:
            kept, size = Dataset(Kept(items)), bucket_batch_sizes[bucket]
            if no_padding:
                return kept.batch(size, drop_remainder).step
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if bucket == len(bucket_boundaries):
                    raise ValueError(
                        "`pad_to_bucket_boundary` needs elements shorter than the last of `bucket_boundaries`, "
                        f"{bucket_boundaries[-1]}. Received: a longer one"
                    )
                limit = bucket_boundaries[bucket] - 1
                shapes = map_structure(lambda leaf: [limit, *leaf.shape[1:]] if len(leaf.shape) else [], items[0])
            return kept.padded_batch(size, shapes, padding_values, drop_remainder).step

        def bucket_of(*element: Any) -> Any:
            return torch.tensor(buckets.bucket_of(int(element_length_func(*element)), bucket_boundaries))

        return Dataset(buckets.GroupByWindow(self.step, bucket_of, batches, lambda bucket: bucket_batch_sizes[bucket]))

    def rejection_resample(
        self,
        class_func: Callable[..., Any],
        target_dist: Any,
        initial_dist: Any = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return pairs (class, element), of which some are dropped so that classes have the shares `target_dist`."""
        return Dataset(buckets.Resample(self.step, class_func, target_dist, initial_dist, seed))

    # Which elements, in what order

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Mix the elements: each comes at random from a buffer of `buffer_size` elements."""
        again = True if reshuffle_each_iteration is None else bool(reshuffle_each_iteration)
        return Dataset(steps.Shuffle(self.step, _positive(buffer_size, "buffer_size"), seed, again))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Return the elements `count` times over, without end by default."""
        return Dataset(steps.Repeat(self.step, -1 if count is None else int(count)))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Return the first `count` elements, all of them if it is negative."""
        return Dataset(steps.Take(self.step, int(count)))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Leave out the first `count` elements, all of them if it is negative."""
        return Dataset(steps.Skip(self.step, int(count)))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return the elements before the first one for which a function is false."""
        return Dataset(steps.TakeWhile(self.step, predicate))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Return every `num_shards`-th element, from `index` on."""
        if not 0 <= int(index) < int(num_shards):
            raise ValueError(f"`index` must be between 0 and {int(num_shards) - 1}. Received: index={index}")
        return Dataset(steps.Shard(self.step, int(num_shards), int(index)))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Return the elements of this dataset, then those of another."""
        return Dataset(combining.Chain([self.step, dataset.step]))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Return (number, element), counted from `start`."""
        numbers = Dataset(combining.Counting(int(start)))
        return Dataset.zip(numbers, self)

    def unique(self, name: str | None = None) -> Dataset:
        """Return each element once."""
        return Dataset(steps.Unique(self.step))

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Keep the elements after the first whole pass, in memory or in a file of torch's."""
        return Dataset(steps.Cache(self.step, os.fspath(filename)))

    def save(self, path: Any, compression: None = None, shard_func: None = None, checkpoint_args: None = None) -> None:
        """Write the elements into a folder, in files of torch's. ValueError for arguments of TensorFlow's files."""
        if any(item is not None for item in (compression, shard_func, checkpoint_args)):
            raise ValueError("`save` has no `compression`, `shard_func` and `checkpoint_args` here: leave them out.")
        stored.save(self.step, os.fspath(path))

    @staticmethod
    def load(path: Any, element_spec: Any = None, compression: None = None, reader_func: None = None) -> Dataset:
        """Return the elements that `save` wrote, read while they are asked for. TensorFlow's files are not read."""
        if compression is not None or reader_func is not None:
            raise ValueError("`load` has no `compression` and `reader_func` here: leave them out.")
        found = Dataset(stored.Stored(os.fspath(path)))
        found._spec = element_spec
        return found

    def snapshot(self, path: Any, *args: Any, **kwargs: Any) -> Dataset:
        """NotImplementedError: snapshots are TensorFlow's own files."""
        raise NotImplementedError(
            "`snapshot` writes TensorFlow's own files. Use `cache(file)`, or `save(folder)` and `Dataset.load(folder)`."
        )

    def ragged_batch(
        self, batch_size: int, drop_remainder: bool = False, row_splits_dtype: Any = None, name: str | None = None
    ) -> Dataset:
        """Join `batch_size` elements, whose first axes may differ, as the rows of a RaggedTensor; stack numbers."""
        size = _positive(batch_size, "batch_size")
        return Dataset(grouping.Batch(self.step, size, bool(drop_remainder), grouping.ragged))

    def prefetch(self, buffer_size: int | None, name: str | None = None) -> Dataset:
        """Let a thread prepare elements ahead where making them means to wait."""
        return Dataset(steps.Prefetch(self.step, 2 if buffer_size is None or buffer_size < 0 else int(buffer_size)))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Return what a function of the dataset returns."""
        return transformation_func(self)

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """Leave out elements for which a function of a `map` before this raises an error.

        TensorFlow leaves out a whole batch where the error is behind `batch`; here the others stay in it.
        """
        return Dataset(steps.without_errors(self.step, log_warning))

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Return the dataset: options steer TensorFlow's runtime and change no element."""
        return self

    # Looking at it

    def __iter__(self) -> ElementIterator:
        return ElementIterator(self, self.step.elements())

    def make_one_shot_iterator(self) -> GraphIterator:
        """Return an iterator whose `get_next()` gives symbolic tensors in dialects 1 and 2 (TensorFlow 1)."""
        return GraphIterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> GraphIterator:
        """Return such an iterator; running its `initializer` starts over (TensorFlow 1)."""
        return GraphIterator(self)

    def __len__(self) -> int:
        if self.step.size == INFINITE:
            raise TypeError("The dataset is infinite, so it has no length. Pass `steps_per_epoch`, or `take` a part.")
        if self.step.size == UNKNOWN:
            raise TypeError("The length of the dataset is unknown before a pass. Use `reduce` to count its elements.")
        return self.step.size

    def __bool__(self) -> bool:
        return True

    def cardinality(self, name: str | None = None) -> torch.Tensor:
        """Return the number of elements as a tensor; -1 if there is no end, -2 if it is unknown."""
        return torch.tensor(self.step.size)

    def as_numpy_iterator(self) -> ElementIterator:
        """Return an iterator over elements with numpy arrays, and bytes for text, in place of tensors."""
        return ElementIterator(self, (map_structure(_as_numpy, element) for element in self.step.elements()))

    def get_single_element(self, name: str | None = None) -> Any:
        """Return the only element; ValueError if there is none, or another."""
        items = list(self.take(2))
        if len(items) != 1:
            raise ValueError(f"`get_single_element` needs exactly one element. Received: {'more' if items else 'none'}")
        return items[0]

    _spec: Any = None

    @property
    def element_spec(self) -> Any:
        """Shapes and types of an element, as a structure of TensorSpec; made from the first one where need be."""
        if self._spec is None:
            first = next(iter(self.take(1)), None)
            if first is None:
                raise ValueError("An empty dataset has no element whose shape could be told.")
            loose = self.step.has_loose_batches
            self._spec = map_structure(lambda leaf: spec_of(leaf, loose), first)
        return self._spec

    def options(self) -> Any:
        """Settings of TensorFlow's runtime: there is none, so they are empty."""
        return SimpleNamespace()

    @property
    def generator(self) -> torch.Generator | None:
        """The generator of the last shuffle, by the name it has on a DataLoader: a resumed training restores it."""
        return self.step.generator

    @property
    def _batch_size(self) -> int:
        """The size of its batches, only of a dataset that `batch` made, by which TensorFlow's are known as well."""
        if isinstance(self.step, grouping.Batch):
            return self.step.batch_size
        raise AttributeError("Only a dataset that `batch` returned has a size of batches.")

    def __repr__(self) -> str:
        size = {INFINITE: "infinite", UNKNOWN: "unknown"}.get(self.step.size, str(self.step.size))
        return f"<{type(self).__name__} of {type(self.step).__name__}, length {size}>"


def _of_block(block: Block) -> Dataset:
    return Dataset(Slices(block.value) if isinstance(block, Stacked) else Kept(list(block.items)))


def _positive(value: Any, argument: str) -> int:
    if int(value) < 1:
        raise ValueError(f"`{argument}` must be 1 or more. Received: {argument}={value}")
    return int(value)


def _as_numpy(leaf: Any) -> Any:
    if isinstance(leaf, StringArray):
        data = [encoded(item) for item in leaf.ravel().tolist()]
        return data[0] if not leaf.ndim else np.array(data, object).reshape(leaf.shape)
    if isinstance(leaf, torch.Tensor):
        return to_numpy(leaf)[()]
    return bytes(leaf) if isinstance(leaf, bytes) else leaf
