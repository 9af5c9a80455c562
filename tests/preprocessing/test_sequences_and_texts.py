"""Sequences and texts come out as in Keras 1.2.2, 2.2.4 and 2.15; the calls and results are golden data of these."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import config, dropin
from keras_torch.data import is_sequence
from keras_torch.preprocessing import sequence, text
from keras_torch.utils import pad_sequences

GOLDEN = Path(__file__).parents[1] / "golden"
DIALECTS = {"122": "1", "224": "2", "2150": "tf"}
FOUND = {
    dialect: json.loads((GOLDEN / f"sequences_and_texts_keras{version}.json").read_text(encoding="utf-8"))
    for version, dialect in DIALECTS.items()
}
each_generation = pytest.mark.parametrize("dialect", DIALECTS.values())


@pytest.fixture(autouse=True)
def _speak(request: pytest.FixtureRequest):
    dialect = request.node.callspec.params.get("dialect") if hasattr(request.node, "callspec") else None
    with config.dialect_scope(dialect):
        yield


def equal(found: np.ndarray, wanted: dict[str, Any]) -> bool:
    return (
        str(found.dtype) == wanted["dtype"]
        and list(found.shape) == wanted["shape"]
        and np.asarray(found).ravel().tolist() == wanted["values"]
    )


@each_generation
def test_sequences_are_padded_and_cut_as_in_keras(dialect: str) -> None:
    for case, wanted in FOUND[dialect]["found"]["pad_sequences"]:
        assert equal(sequence.pad_sequences(**case), wanted), case


@each_generation
def test_the_same_seed_gives_the_same_pairs_of_words(dialect: str) -> None:
    for seed, case, wanted, following in FOUND[dialect]["found"]["skipgrams"]:
        random.seed(seed)
        assert [*sequence.skipgrams(**case)] == wanted, case
        assert random.random() == following


@each_generation
def test_the_table_of_sampling_probabilities_is_that_of_keras(dialect: str) -> None:
    for size, wanted in FOUND[dialect]["found"]["make_sampling_table"]:
        np.testing.assert_allclose(sequence.make_sampling_table(size), wanted["values"], rtol=1e-14)


@pytest.mark.parametrize("dialect", ["2", "tf"])
@pytest.mark.parametrize("kind", [np.array, list], ids=["arrays", "lists"])
def test_windows_of_a_time_series_are_those_of_keras(dialect: str, kind: Any) -> None:
    steps = kind([[float(step), float(step * step)] for step in range(23)])
    targets = kind([[float(step)] for step in range(23)])
    for case, batches, wanted in FOUND[dialect]["found"]["TimeseriesGenerator"]:
        generator = sequence.TimeseriesGenerator(steps, targets, **case)
        np.random.seed(3)
        assert len(generator) == len(batches)
        for index, (samples, values) in enumerate(batches):
            found = generator[index]
            assert equal(found[0], samples) and equal(found[1], values)
        settings = generator.get_config()
        assert {name: settings[name] for name in wanted} == wanted
        assert json.loads(settings["targets"]) == [[float(step)] for step in range(23)]


@each_generation
def test_texts_are_split_into_the_words_that_keras_finds(dialect: str) -> None:
    texts = FOUND[dialect]["texts"]
    for options, wanted in FOUND[dialect]["found"]["texts"]:
        assert [text.text_to_word_sequence(item, **options) for item in texts] == wanted
    for item, hashed in zip(texts, FOUND[dialect]["found"]["hashing_trick"], strict=False):
        assert text.hashing_trick(item, 17, "md5") == hashed


@each_generation
def test_a_tokenizer_counts_and_numbers_words_as_in_keras(dialect: str) -> None:
    for case in FOUND[dialect]["found"]["Tokenizer"]:
        tokenizer = text.Tokenizer(**case["options"])
        for name, arguments, wanted, state in case["calls"]:
            found = getattr(tokenizer, name)(*arguments)
            if isinstance(found, np.ndarray):
                shape, rows, columns, values = wanted
                assert list(found.shape) == shape
                np.testing.assert_allclose(found[rows, columns], values, rtol=1e-14)
                assert np.count_nonzero(found) == len(values)
            else:
                assert found == wanted, (case["options"], name)
            if state is None:
                continue
            assert list(tokenizer.word_index) == state["words"]
            assert list(tokenizer.word_index.values()) == state["indices"]
            assert [list(pair) for pair in tokenizer.word_counts.items()] == state["counts"]
            assert sorted(map(list, tokenizer.index_docs.items())) == state["index_docs"]
            assert tokenizer.document_count == state["document_count"]


@pytest.mark.parametrize("dialect", ["2", "tf"])
def test_a_tokenizer_is_read_from_the_json_of_keras_and_written_as_such(dialect: str) -> None:
    cases = [case for case in FOUND[dialect]["found"]["Tokenizer"] if case["json"]]
    assert len(cases) > 2
    for case in cases:
        tokenizer = text.tokenizer_from_json(case["json"])
        assert json.loads(tokenizer.to_json()) == json.loads(case["json"])
        name, arguments, wanted, _ = case["calls"][-1]
        shape, rows, columns, values = wanted
        np.testing.assert_allclose(getattr(tokenizer, name)(*arguments)[rows, columns], values, rtol=1e-14)
        tokenizer.fit_on_texts(["a word that was never seen"])
        assert tokenizer.document_count == json.loads(case["json"])["config"]["document_count"] + 1


def test_old_spellings_of_the_tokenizer_and_of_texts_are_understood() -> None:
    assert text.Tokenizer(nb_words=7).num_words == 7
    assert text.text_to_word_sequence(text="One two") == ["one", "two"]
    assert len(text.one_hot(text="One two", n=5)) == 2
    with config.dialect_scope("2"):
        assert text.Tokenizer(None, "", True, " ", False, None, 4).document_count == 4
    with config.dialect_scope("1"):
        tokenizer = text.Tokenizer(9)
        tokenizer.nb_words = 8
        assert (tokenizer.num_words, tokenizer.nb_words) == (8, 8)
        assert text.one_hot("a b", 9) == [abs(hash(word)) % 8 + 1 for word in "ab"]
    assert text.one_hot("a b", 9) == [hash(word) % 8 + 1 for word in "ab"]


def test_an_analyzer_replaces_the_splitting_of_texts() -> None:
    tokenizer = text.Tokenizer(analyzer=lambda item: item.split("|"))
    tokenizer.fit_on_texts(["A b|c", "A b"])
    assert tokenizer.word_index == {"A b": 1, "c": 2}
    assert tokenizer.texts_to_sequences(["c|A b|d"]) == [[2, 1]]
    assert text.hashing_trick("a|b", 2, analyzer=lambda item: item.split("|")) == [1, 1]


def test_a_tokenizer_pickled_by_keras_1_has_todays_attributes() -> None:
    tokenizer = text.Tokenizer.__new__(text.Tokenizer)
    tokenizer.__setstate__(
        {"nb_words": 3, "word_index": {"a": 1, "b": 2, "c": 3}, "filters": "", "split": " ", "lower": True}
        | {"char_level": False, "document_count": 1, "word_counts": {}, "word_docs": {}, "index_docs": {}}
    )
    assert tokenizer.texts_to_sequences(["a b c d"]) == [[1, 2]]
    assert tokenizer.sequences_to_texts([[1, 2, 3]]) == ["a b"]
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.num_words == 3 and again.index_word == {1: "a", 2: "b", 3: "c"}


def test_a_tokenizer_pickled_by_keras_2_is_found_where_it_was() -> None:
    tokenizer = text.Tokenizer(num_words=5)
    tokenizer.fit_on_texts(["a b b"])
    old = pickle.dumps(tokenizer, 0).replace(b"ckeras_torch.preprocessing.text\n", b"ckeras_preprocessing.text\n")
    with dropin.install("2"):
        again = pickle.loads(old)
    assert type(again) is text.Tokenizer and again.texts_to_sequences(["b a"]) == [[1, 2]]


def test_sequences_may_be_arrays_and_tensors() -> None:
    wanted = [[0, 1, 2], [3, 4, 5]]
    for kind in (np.array, torch.tensor, tuple):
        assert pad_sequences([kind([1, 2]), kind([3, 4, 5])]).tolist() == wanted
    assert pad_sequences(np.arange(6).reshape(2, 3), maxlen=2).tolist() == [[1, 2], [4, 5]]
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences([[1], [2]], maxlen=0).shape == (2, 0)


def test_plain_strings_are_padded_without_losing_characters() -> None:
    found = pad_sequences([["a", "long"], ["word"]], dtype=str, value="nothing")
    assert found.tolist() == [["a", "long"], ["nothing", "word"]]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"sequences": 3}, "must be a list or an array.*Received: 3"),
        ({"sequences": (x for x in ([1],))}, "must be a list or an array"),
        ({"sequences": [1, 2]}, "list of lists.*position 0"),
        ({"sequences": [[1], "ab"]}, "list of lists.*'ab'.*position 1"),
        ({"sequences": []}, "must not be empty"),
        ({"sequences": [[1]], "padding": "left"}, "`padding` must be 'pre' or 'post'. Received: 'left'"),
        ({"sequences": [[1]], "truncating": None}, "`truncating` must be"),
        ({"sequences": [["a"]], "value": "x"}, "`dtype=int32` cannot hold: pass `dtype=object`"),
        ({"sequences": [[[1, 2]], [[1]]]}, r"same shape. Received: items of shape \(1,\) at position 1"),
    ],
)
def test_what_cannot_be_padded_is_named(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pad_sequences(**arguments)


def test_what_is_wrong_with_texts_and_series_is_named() -> None:
    with pytest.raises(TypeError, match="must be a string. Received: nan of type float"):
        text.Tokenizer().fit_on_texts(["a", float("nan")])
    with pytest.raises(ValueError, match="`n` must be 2 or more"):
        text.one_hot("a", 1)
    with pytest.raises(ValueError, match="`hash_function` must be"):
        text.hashing_trick("a", 4, "sha1")
    with pytest.raises(ValueError, match="width of the matrix"):
        text.Tokenizer().texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="needs the frequencies"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf")
    with pytest.raises(ValueError, match="`mode` must be one of 'binary'.*Received: 'sum'"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="sum")
    with pytest.raises(TypeError, match="colour"):
        text.Tokenizer(colour=1)
    with pytest.raises(ValueError, match="is not what `Tokenizer.to_json` writes"):
        text.tokenizer_from_json('{"config": {}}')
    with pytest.raises(ValueError, match="a target for each step.*3 steps and 2 targets"):
        sequence.TimeseriesGenerator([1, 2, 3], [1, 2], 1)
    with pytest.raises(ValueError, match="cannot make a window of `length=3`"):
        sequence.TimeseriesGenerator([1, 2, 3], [1, 2, 3], 3)
    with pytest.raises(TypeError, match="`data` cannot be written as JSON"):
        sequence.TimeseriesGenerator([object()] * 3, [1, 2, 3], 1).get_config()


def test_a_series_is_a_sequence_that_models_train_on() -> None:
    generator = sequence.TimeseriesGenerator(np.arange(9.0)[:, None], np.arange(9.0), 3, batch_size=4)
    assert is_sequence(generator) and len(generator) == 2
    assert json.loads(generator.to_json(indent=1))["class_name"] == "TimeseriesGenerator"
    # Keras 2 takes the index of the first target for that of the first step.
    again = sequence.timeseries_generator_from_json(generator.to_json())
    assert [y.tolist() for _, y in again] == [[6.0, 7.0, 8.0]] and again[0][0].shape == (3, 3, 1)
    with pytest.raises(ValueError, match="is not what `TimeseriesGenerator.to_json` writes"):
        sequence.timeseries_generator_from_json("{}")
    assert [len(x) for x, _ in generator] == [4, 2]
