"""States of objects survive torch.save and torch.load(weights_only=True), and come back into the objects there are."""

import collections
import io
import random

import numpy as np
import pytest
import torch

from keras_torch import backend
from keras_torch.checkpoint import Attributes, NotDataError, attributes, equal, mark, pack, set_attributes, unpack


def through_a_file(value):
    file = io.BytesIO()
    torch.save(pack(value), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


VALUES = [
    None,
    True,
    3,
    2.5,
    "text",
    1j,
    np.float64(3.5),
    np.int64(2),
    np.less,
    [1, (2, "three"), {"four": 5, 6: None}],
    {1, 2},
    frozenset({3}),
    torch.device("cpu"),
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_plain_values_come_back_with_their_types(value):
    found = unpack(through_a_file(value))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="uint16").reshape(2, 3)[:, ::2],
        np.array(["a", "bcd"]),
        np.empty((0, 3)),
        np.array(["2020-01-01"], "M8[D]"),
        np.array(2.5),
        np.asfortranarray(np.eye(3)),
    ],
    ids=str,
)
def test_arrays_come_back_with_type_and_shape(array):
    found = unpack(through_a_file(array))
    assert found.dtype == array.dtype and found.shape == array.shape and np.array_equal(found, array)


def test_a_part_of_a_tensor_is_saved_without_the_rest():
    file = io.BytesIO()
    torch.save(pack(torch.zeros(100_000)[:3]), file)
    assert file.tell() < 5000


@pytest.mark.parametrize(
    ("source", "draw"),
    [
        (torch.Generator().manual_seed(1), lambda source: torch.rand((), generator=source).item()),
        (random.Random(1), lambda source: source.random()),
        (np.random.default_rng(1), lambda source: source.random()),
        (np.random.RandomState(1), lambda source: source.rand()),
    ],
)
def test_random_generators_repeat_their_numbers(source, draw):
    saved = through_a_file({"source": source})
    first = [draw(source) for _ in range(3)]
    assert unpack(saved, {"source": source})["source"] is source
    assert [draw(source) for _ in range(3)] == first


def test_the_global_generators_repeat_their_numbers():
    def draw():
        return [random.random(), np.random.rand(), torch.rand(()).item(), float(backend.random_normal((), seed=4))]

    draw()
    saved = through_a_file(backend.random.get_rng_state())
    first = draw()
    backend.random.forget_generators()
    backend.random.set_rng_state(unpack(saved))
    assert draw() == first


def test_containers_are_changed_in_place_so_that_references_stay_good():
    values = collections.OrderedDict(a=[1], b=collections.deque([2]))
    saved = through_a_file(values)
    inner, outer = values["a"], values
    values["a"].append(5)
    values["b"].clear()
    assert unpack(saved, values) is outer and values == {"a": [1], "b": collections.deque([2])}
    assert values["a"] is inner


def test_parameters_are_changed_in_place_and_other_tensors_replaced():
    parameter, tensor = torch.nn.Parameter(torch.zeros(2)), torch.zeros(2)
    found = unpack(through_a_file([torch.ones(2), torch.ones(2)]), [parameter, tensor])
    assert found[0] is parameter and parameter.tolist() == [1, 1] and tensor.tolist() == [0, 0]


def test_what_is_no_data_is_named():
    with pytest.raises(NotDataError, match="function"):
        pack([lambda: None])
    cycle = []
    cycle.append(cycle)
    with pytest.raises(NotDataError, match="deeply"):
        pack(cycle)


def test_schedulers_are_saved_by_their_state_dict_without_its_functions():
    def make():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)

    first, scheduler = make()
    for _ in range(3):
        first.step()
        scheduler.step()
    saved = through_a_file([first, scheduler])
    second, other = make()
    unpack(saved, [second, other])
    assert other.last_epoch == 3 and second.param_groups[0]["lr"] == 0.125


def test_changes_of_one_element_are_seen():
    array, tensor = np.zeros(1000), torch.zeros(1000)
    before = mark([array, tensor])
    assert equal(before, mark([array.copy(), tensor.clone()]))
    array[500] = 1
    assert not equal(before, mark([array, tensor]))


class Counter:
    def __init__(self, step=1):
        self.step = step
        self.total = 0
        self.log = []
        self.function = len
        self.data = np.zeros(3000)


def test_only_attributes_that_changed_are_kept():
    first = Counter()
    changes = Attributes(first)
    first.total, first.log[:] = 5, [1, 2]
    saved = through_a_file(changes.state_dict())
    second = Counter(step=2)
    Attributes(second).load_state_dict(unpack(saved))
    assert (second.step, second.total, second.log) == (2, 5, [1, 2])


def test_small_containers_are_kept_unchanged_and_large_ones_compared():
    first = Counter()
    saved = through_a_file(Attributes(first, small=1000).state_dict())
    second = Counter(step=2)
    second.log = [7]
    second.data[3] = 1
    changes = Attributes(second, small=1000)
    changes.load_state_dict(unpack(saved))
    assert (second.step, second.log) == (2, [])
    with pytest.raises(ValueError, match="`data` of Counter is not what it was"):
        changes.check()
    second.data[3] = 0
    changes.check()


def test_attributes_without_data_are_left_out():
    assert sorted(attributes(Counter())) == ["data", "log", "step", "total"]
    found = Counter()
    set_attributes(found, {"total": 4})
    assert found.total == 4
