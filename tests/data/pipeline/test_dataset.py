"""`tf.data.Dataset`: what comes out of it, in which order, and what is read for it."""

import weakref

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.data.pipeline import AUTOTUNE, Dataset, TensorSpec


def values(dataset):
    return [
        tuple(np.asarray(part).tolist() for part in item) if isinstance(item, tuple) else np.asarray(item).tolist()
        for item in dataset.as_numpy_iterator()
    ]


def numbers(count):
    return Dataset.range(count)


def test_slices_keep_their_structure_and_types():
    data = Dataset.from_tensor_slices({"a": np.arange(3.0), "b": (np.eye(3, dtype="int8"), ["x", "y", "z"])})
    first = next(iter(data))
    assert first["a"].dtype == torch.float64
    assert first["b"][0].dtype == torch.int8
    assert first["b"][0].tolist() == [1, 0, 0]
    assert [item["b"][1] for item in data.as_numpy_iterator()] == [b"x", b"y", b"z"]


def test_python_numbers_become_32_bit_as_constants_of_tensorflow():
    assert next(iter(Dataset.from_tensor_slices([1.5, 2.5]))).dtype == torch.float32
    assert next(iter(Dataset.from_tensor_slices([1, 2]))).dtype == torch.int32
    assert next(iter(Dataset.from_tensor_slices(np.array([1, 2])))).dtype == torch.int64


def test_a_data_frame_as_a_dict_gives_rows_as_dicts():
    frame = pytest.importorskip("pandas").DataFrame({"size": [1.0, 2.0], "kind": ["cat", "dog"]})
    rows = list(Dataset.from_tensor_slices((dict(frame), [0, 1])).as_numpy_iterator())
    assert rows[1][0]["kind"] == b"dog"
    assert rows[1][0]["size"] == 2.0


def test_components_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"same number of slices. Received: \[3, 2\]"):
        Dataset.from_tensor_slices((np.zeros(3), np.zeros(2)))


def test_map_gives_what_single_calls_give():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    data = Dataset.from_tensor_slices((x, np.arange(50))).map(lambda a, b: (a * 2 + b, {"sum": a.sum(), "one": 1}))
    for row, (left, right) in enumerate(data):
        assert np.allclose(left, x[row] * 2 + row, atol=1e-6)
        assert np.isclose(right["sum"], x[row].sum(), atol=1e-6)
        assert right["one"].dtype == torch.int32


def test_map_calls_a_plain_function_a_few_times_only():
    calls = []
    data = numbers(5000).map(lambda n: calls.append(0) or n * n)
    assert values(data)[4999] == 4999**2
    assert len(calls) < 20


@pytest.mark.parametrize(
    "function",
    [
        lambda n: n if n % 2 else -n,
        lambda n: torch.as_tensor(n.numpy() * 3),
        lambda n: int(n) + 1,
        lambda n: torch.arange(int(n)).sum(),
    ],
)
def test_functions_that_look_at_values_are_called_for_each_element(function):
    assert values(numbers(40).map(function)) == [int(function(torch.tensor(n))) for n in range(40)]


def test_a_function_that_counts_its_calls_is_not_mistaken_for_a_plain_one():
    seen = []

    def position(n):
        seen.append(0)
        return n * 0 + len(seen)

    assert len(set(values(numbers(10).map(position)))) > 1


def test_random_numbers_differ_between_the_elements_of_a_block():
    keras.utils.set_random_seed(1)
    drawn = [item.tolist() for item in numbers(100).map(lambda n: torch.rand(2))]
    assert len({tuple(item) for item in drawn}) == 100
    keras.utils.set_random_seed(1)
    assert [item.tolist() for item in numbers(100).map(lambda n: torch.rand(2))] == drawn


def test_functions_do_not_track_gradients():
    weight = torch.ones(3, requires_grad=True)
    assert not next(iter(numbers(3).map(lambda n: weight * n))).requires_grad


def test_batches_come_in_order_and_the_last_may_be_smaller():
    assert values(numbers(7).batch(3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert values(numbers(7).batch(3, drop_remainder=True)) == [[0, 1, 2], [3, 4, 5]]
    assert len(numbers(7).batch(3)) == 3
    assert values(numbers(5000).batch(1500))[3] == list(range(4500, 5000))


def test_elements_of_different_shapes_cannot_be_batched_but_padded():
    ragged = Dataset.from_generator(lambda: ([1] * n for n in (1, 3, 2)), output_types="int32")
    with pytest.raises(ValueError, match="one shape.*padded_batch"):
        list(ragged.batch(3))
    assert values(ragged.padded_batch(2)) == [[[1, 0, 0], [1, 1, 1]], [[1, 1]]]
    assert values(ragged.padded_batch(3, padded_shapes=[4], padding_values=-1))[0][0] == [1, -1, -1, -1]
    with pytest.raises(ValueError, match=r"does not fit.*at most \[2\]"):
        list(ragged.padded_batch(3, padded_shapes=[2]))


def test_padding_of_structures_goes_by_component():
    data = Dataset.from_generator(lambda: (([1] * n, n) for n in (1, 2)), output_types=("int64", "int64"))
    left, right = next(iter(data.padded_batch(2, padded_shapes=([None], []))))
    assert left.tolist() == [[1, 0], [1, 1]]
    assert right.tolist() == [1, 2]


def test_unbatch_and_rebatch_regroup_the_samples():
    data = numbers(7).batch(3)
    assert values(data.unbatch()) == list(range(7))
    assert values(data.rebatch(5)) == [[0, 1, 2, 3, 4], [5, 6]]


def test_shuffling_keeps_every_element_and_changes_with_each_pass():
    data = numbers(100).shuffle(100, seed=3)
    first, second = values(data), values(data)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(100))
    assert values(numbers(100).shuffle(100, seed=3)) == first
    fixed = numbers(100).shuffle(100, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed)


@pytest.mark.parametrize("source", [numbers(1000), Dataset.from_generator(lambda: range(1000), output_types="int64")])
def test_a_shuffle_buffer_bounds_how_far_elements_come_forward(source):
    order = values(source.shuffle(10, seed=1))
    assert sorted(order) == list(range(1000))
    assert order != list(range(1000))
    assert all(value < place + 10 for place, value in enumerate(order))
    assert max(place - value for place, value in enumerate(order)) > 10


def test_the_global_seed_repeats_an_unseeded_shuffle():
    keras.utils.set_random_seed(5)
    first = values(numbers(50).shuffle(50))
    keras.utils.set_random_seed(5)
    assert values(numbers(50).shuffle(50)) == first


def test_a_generator_is_read_no_further_than_needed():
    drawn = []

    def endless():
        n = 0
        while True:
            drawn.append(n)
            yield n
            n += 1

    data = Dataset.from_generator(endless, output_types="int64").map(lambda n: n * 2).batch(2)
    assert values(data.take(2)) == [[0, 2], [4, 6]]
    assert len(drawn) <= 4


def test_a_generator_must_yield_what_its_signature_says():
    spec = (TensorSpec((None, 2), "float32"), TensorSpec((), "int64"))
    data = Dataset.from_generator(lambda: [(np.ones((3, 2)), 1), (np.ones((3, 3)), 1)], output_signature=spec)
    elements = iter(data)
    assert next(elements)[0].dtype == torch.float32
    with pytest.raises(ValueError, match=r"does not fit. Expected: TensorSpec\(shape=\(None, 2\).*Received"):
        next(elements)
    with pytest.raises(TypeError, match="must be a function"):
        Dataset.from_generator(iter([1]))


def test_parts_repetitions_and_chains():
    assert values(numbers(5).take(2)) == [0, 1]
    assert values(numbers(5).skip(3)) == [3, 4]
    assert values(numbers(5).repeat(2)) == [0, 1, 2, 3, 4] * 2
    assert values(numbers(3).repeat().take(7)) == [0, 1, 2, 0, 1, 2, 0]
    assert values(numbers(2).concatenate(numbers(3))) == [0, 1, 0, 1, 2]
    assert values(numbers(7).shard(3, 1)) == [1, 4]
    assert values(numbers(9).take_while(lambda n: n < 4)) == [0, 1, 2, 3]
    assert values(numbers(3).enumerate(start=5)) == [(5, 0), (6, 1), (7, 2)]
    assert values(Dataset.from_tensor_slices([1, 2, 1]).unique()) == [1, 2]
    assert values(numbers(10).filter(lambda n: n % 3 == 0)) == [0, 3, 6, 9]
    assert values(numbers(10).skip(2).shuffle(3, seed=0).skip(8)) == []


def test_zip_nests_as_its_arguments_and_ends_with_the_shortest():
    data = Dataset.zip((numbers(3), (numbers(5), numbers(4).batch(2))))
    assert [(int(a), int(b), c.tolist()) for a, (b, c) in data] == [(0, 0, [0, 1]), (1, 1, [2, 3])]
    assert values(Dataset.zip(numbers(2), numbers(9))) == [(0, 0), (1, 1)]


def test_windows_are_datasets():
    windows = numbers(6).window(3, shift=2, drop_remainder=True)
    assert values(windows.flat_map(lambda w: w.batch(3))) == [[0, 1, 2], [2, 3, 4]]
    assert [values(w) for w in numbers(5).window(2)] == [[0, 1], [2, 3], [4]]
    assert [values(w) for w in numbers(7).window(2, shift=3, stride=2)] == [[0, 2], [3, 5], [6]]


def test_interleave_takes_turns():
    data = Dataset.range(1, 4).interleave(lambda n: Dataset.from_tensors(n).repeat(3), cycle_length=2, block_length=2)
    assert values(data) == [1, 1, 2, 2, 1, 2, 3, 3, 3]
    with pytest.raises(TypeError, match="must return a dataset"):
        list(numbers(2).flat_map(lambda n: n))


def test_reduce_and_scan_carry_a_state():
    assert int(numbers(5).reduce(0, lambda state, n: state + n)) == 10
    assert values(numbers(4).scan(0, lambda state, n: (state + n, state + n))) == [0, 1, 3, 6]


def test_a_cache_is_filled_by_one_whole_pass(tmp_path):
    for file in ("", tmp_path / "kept"):
        calls = []

        def load(n, calls=calls):
            calls.append(int(n))
            return n * 2

        data = numbers(4).map(load).cache(file)
        assert values(data) == values(data) == [0, 2, 4, 6]
        made = len(calls)
        assert values(data.take(2)) == [0, 2]
        assert len(calls) == made
    assert values(Dataset.range(9).cache(tmp_path / "kept")) == [0, 2, 4, 6]


def test_prefetching_and_threads_keep_the_order():
    def slow(n):
        return int(n) * 2

    data = numbers(30).map(slow, num_parallel_calls=AUTOTUNE).prefetch(AUTOTUNE)
    assert values(data) == list(range(0, 60, 2))


def test_an_error_in_a_prefetched_function_arrives_with_its_message():
    def broken(n):
        raise KeyError(f"no row {int(n)}")

    with pytest.raises(KeyError, match="no row 0"):
        list(numbers(3).map(broken).prefetch(1))


def test_lengths_are_told_where_they_are_known():
    assert int(numbers(4).repeat().cardinality()) == -1
    assert int(numbers(4).filter(lambda n: n > 1).cardinality()) == -2
    with pytest.raises(TypeError, match="infinite"):
        len(numbers(4).repeat())
    with pytest.raises(TypeError, match="unknown"):
        len(numbers(4).filter(lambda n: n > 1))


def test_element_spec_leaves_the_size_of_the_last_batch_open():
    data = Dataset.from_tensor_slices((np.zeros((5, 2), "float32"), np.zeros(5, "int64")))
    assert data.batch(2).element_spec == (TensorSpec((None, 2), "float32"), TensorSpec((None,), "int64"))
    assert data.batch(2, True).element_spec[0] == TensorSpec((2, 2), "float32")


def test_choosing_and_sampling_between_datasets():
    chosen = Dataset.choose_from_datasets([numbers(3), Dataset.range(10, 13)], Dataset.range(2).repeat(3))
    assert values(chosen) == [0, 10, 1, 11, 2, 12]
    sampled = Dataset.sample_from_datasets([numbers(300), Dataset.range(1000, 1300)], [0.9, 0.1], seed=1)
    found = values(sampled)
    assert sorted(found) == [*range(300), *range(1000, 1300)]
    assert sum(value < 1000 for value in found[:100]) > 75


def test_files_are_listed_by_patterns(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text("")
    listed = Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False)
    assert [path.decode().rpartition("/")[2] for path in listed.as_numpy_iterator()] == ["a.txt", "b.txt"]
    with pytest.raises(ValueError, match="no file matches"):
        Dataset.list_files(str(tmp_path / "*.png"))


def test_fit_trains_on_a_pipeline_as_on_the_arrays():
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    y = x.sum(1, keepdims=True)
    losses = []
    for source in ((x, y), (Dataset.from_tensor_slices((x, y)).map(lambda a, b: (a, b)).batch(16).prefetch(2),)):
        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        options = {"batch_size": 16, "shuffle": False} if len(source) == 2 else {}
        history = model.fit(
            *source, epochs=3, verbose=0, validation_data=source if len(source) == 2 else source[0], **options
        )
        losses.append(history.history["loss"] + history.history["val_loss"])
        assert model.predict(source[0], verbose=0).shape == (64, 1)
    assert np.allclose(losses[0], losses[1], rtol=1e-5)


def test_a_component_that_is_missing_in_some_elements_only_is_an_error():
    data = Dataset.from_generator(lambda: iter([(1, None), (2, 3)]))
    with pytest.raises(ValueError, match="None in all elements or in none"):
        list(data.batch(2))
    assert next(iter(Dataset.from_generator(lambda: iter([(1, None), (2, None)])).batch(2)))[1] is None


def sequences():
    lengths = [1, 5, 2, 3, 7, 1, 2, 6]
    return Dataset.from_generator(lambda: (np.full(n, n, "int32") for n in lengths))


def test_sequences_of_like_lengths_come_together():
    batches = list(sequences().bucket_by_sequence_length(lambda x: len(x), [3, 6], [2, 2, 2]))
    assert [batch.tolist() for batch in batches] == [
        [[1, 0], [2, 2]],
        [[5] * 5, [3, 3, 3, 0, 0]],
        [[1, 0], [2, 2]],
        [[7] * 7, [6] * 6 + [0]],
    ]
    wide = sequences().take(4).bucket_by_sequence_length(len, [3, 6], [2, 2, 2], pad_to_bucket_boundary=True)
    assert [batch.shape for batch in wide] == [(2, 2), (2, 5)]
    with pytest.raises(ValueError, match="shorter than the last"):
        list(sequences().bucket_by_sequence_length(len, [3, 6], [2, 2, 2], pad_to_bucket_boundary=True))
    with pytest.raises(ValueError, match="one size more"):
        sequences().bucket_by_sequence_length(len, [3, 6], [2, 2])


def test_windows_of_one_key_are_reduced():
    grouped = Dataset.range(7).group_by_window(lambda n: n % 2, lambda key, part: part.batch(10), window_size=3)
    assert [batch.tolist() for batch in grouped] == [[0, 2, 4], [1, 3, 5], [6]]
    grouped = Dataset.range(4).group_by_window(
        lambda n: n % 2, lambda k, p: p.batch(9), window_size_func=lambda k: k + 1
    )
    assert [batch.tolist() for batch in grouped] == [[0], [2], [1, 3]]
    with pytest.raises(ValueError, match="Exactly one"):
        Dataset.range(4).group_by_window(lambda n: n, lambda key, part: part)


def test_classes_are_resampled():
    data = Dataset.range(4000).map(lambda n: (n % 10 == 0).long())
    kept = [int(label) for label, _ in data.rejection_resample(lambda n: n, [0.5, 0.5], [0.9, 0.1], seed=1)]
    assert 0.4 < np.mean(kept) < 0.6
    assert sum(kept) == 400


def test_elements_are_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_torch.data.pipeline.stored._BLOCKS_IN_A_FILE", 2)
    data = Dataset.from_tensor_slices({"a": np.arange(7), "b": list("abcdefg")}).batch(2)
    data.save(tmp_path / "d")
    assert len(list((tmp_path / "d").iterdir())) == 2
    loaded = Dataset.load(tmp_path / "d")
    for before, after in zip(data, loaded, strict=True):
        assert before["a"].tolist() == after["a"].tolist()
        assert before["b"].tolist() == after["b"].tolist()
    data.take(1).save(tmp_path / "d")
    assert len(list(Dataset.load(tmp_path / "d"))) == 1
    with pytest.raises(FileNotFoundError, match="holds no dataset"):
        Dataset.load(tmp_path)
    with pytest.raises(NotImplementedError, match="cache"):
        data.snapshot(tmp_path)


def test_a_pipeline_holds_no_more_than_its_buffers():
    alive, most = 0, 0

    def gone():
        nonlocal alive
        alive -= 1

    def elements():
        nonlocal alive, most
        for number in range(300):
            array = np.full(4, number, "float32")
            alive += 1
            most = max(most, alive)
            weakref.finalize(array, gone)
            yield array

    data = Dataset.from_generator(elements).map(lambda x: x * 2, num_parallel_calls=2)
    data = data.filter(lambda x: x[0] >= 0).shuffle(8).batch(4).prefetch(2)
    assert sum(len(batch) for batch in data) == 300
    assert most < 60


def test_lists_and_counters_are_sources():
    assert [item.tolist() for item in Dataset.from_list([[1], [2, 3]])] == [[1], [2, 3]]
    assert [int(n) for n in Dataset.counter(3, 2).take(3)] == [3, 5, 7]
