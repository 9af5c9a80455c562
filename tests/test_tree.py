"""`keras.tree`. What is expected was seen in Keras 3.15."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from keras_torch import tree

Pair = namedtuple("Pair", "x y")
NESTED = {"b": [1, (2, None)], "a": Pair(3, {"k": 4})}


def test_leaves_come_in_the_order_of_the_keys():
    assert tree.flatten(NESTED) == [3, 4, 1, 2, None]
    assert tree.flatten(7) == [7]
    assert tree.flatten(OrderedDict([("z", 1), ("a", 2)])) == [1, 2]
    assert tree.flatten(defaultdict(int, {"z": 1, "a": 2})) == [2, 1]
    assert tree.flatten_with_path(NESTED)[:3] == [(("a", 0), 3), (("a", 1, "k"), 4), (("b", 0), 1)]
    assert tree.flatten_with_path(3) == [((), 3)]


def test_leaves_are_mapped_side_by_side():
    doubled = tree.map_structure(lambda leaf: None if leaf is None else leaf * 2, NESTED)
    assert doubled == {"b": [2, (4, None)], "a": Pair(6, {"k": 8})}
    assert type(doubled["a"]) is Pair
    assert tree.map_structure(lambda a, b: (a, b), [1, {"k": 2}], [3, {"k": 4}]) == [(1, 3), {"k": (2, 4)}]
    assert tree.map_structure(lambda leaf: leaf + 1, [1, None], none_is_leaf=False) == [2, None]
    for structures in ([[1, 2], (3, 4)], [[1, 2], [1]], [{"a": 1}, {"b": 1}], []):
        with pytest.raises(ValueError):
            tree.map_structure(lambda *leaves: leaves, *structures)
    with pytest.raises(TypeError, match="callable"):
        tree.map_structure(5, [1])


def test_parts_are_mapped_up_to_where_a_shallow_structure_ends():
    assert tree.map_structure_up_to([0, [0, 0]], str, [{"q": 1}, [2, (3, 4)]]) == ["{'q': 1}", ["2", "(3, 4)"]]
    assert tree.map_structure_up_to([0, 0], lambda a, b: (a, b), [[1], 2], [3, [4]]) == [([1], 3), (2, [4])]


def test_leaves_go_back_into_a_structure():
    assert tree.pack_sequence_as(NESTED, [1, 2, 3, 4, 5]) == {"b": [3, (4, 5)], "a": Pair(1, {"k": 2})}
    assert tree.pack_sequence_as(1, [9]) == 9
    with pytest.raises(ValueError, match="has 2 leaves. Received: 1"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(TypeError, match="list or a tuple"):
        tree.pack_sequence_as([1], 5)


def test_deques_are_structures():
    parts = deque([1, [2]], maxlen=3)
    assert tree.flatten(parts) == [1, 2] and tree.is_nested(parts)
    doubled = tree.map_structure(lambda x: 2 * x, parts)
    assert doubled == deque([2, [4]]) and doubled.maxlen == 3


def test_structures_are_compared_by_type_and_keys():
    tree.assert_same_structure([1, {"a": 2}], [3, {"a": 4}])
    tree.assert_same_structure([None], [1])
    tree.assert_same_paths([1, {"a": 2}], (3, {"a": 4}))
    tree.assert_same_paths(OrderedDict(b=1, a=2), OrderedDict(a=1, b=2))
    for a, b in (([1], (1,)), ([1, 2], [1]), ({"a": 1}, {"b": 1}), ([1], [[1]]), (Pair(1, 2), (1, 2))):
        with pytest.raises(ValueError, match="differ"):
            tree.assert_same_structure(a, b)
    with pytest.raises(ValueError, match="different places"):
        tree.assert_same_paths([1], {"a": 1})


def test_parts_are_visited_from_the_top_or_from_the_leaves():
    seen = []
    tree.traverse(lambda part: seen.append(type(part).__name__), NESTED)
    assert seen == ["dict", "Pair", "int", "dict", "int", "list", "int", "tuple", "int", "NoneType"]
    assert tree.traverse(lambda part: "L" if isinstance(part, list) else None, NESTED)["b"] == "L"
    assert tree.traverse(lambda part: tree.MAP_TO_NONE if part == 1 else None, [1, 2]) == [None, 2]
    assert tree.lists_to_tuples([1, [2, [3]]]) == (1, (2, (3,)))


def test_shapes_are_leaves_of_their_own():
    assert tree.map_shape_structure(len, {"a": (1, None), "b": [(2,), (3, 4)]}) == {"a": 2, "b": [1, 2]}
    assert tree.map_shape_structure(len, [1, 2, None]) == 3
    assert tree.is_nested({}) and not tree.is_nested("ab") and not tree.is_nested({1})
