"""Files of a directory as a dataset: which files, in which order, with which labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch.utils.directories import DirectoryFiles

FORMATS = (".txt",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/3.txt", "b/1.TXT", "a/x/2.txt", "a/0.txt", "a/0.bin", "c/4.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(len(name)), encoding="utf-8")
    return tmp_path


def files(folder: Path, **kwargs: Any) -> DirectoryFiles:
    return DirectoryFiles("text", folder, FORMATS, **{"shuffle": False, "verbose": False, **kwargs})


def names(listed: DirectoryFiles, folder: Path) -> list[str]:
    return [Path(path).relative_to(folder).as_posix() for path in listed.paths]


def stems(paths: list[str]) -> torch.Tensor:
    return torch.tensor([float(Path(path).stem) for path in paths])


def test_files_are_sorted_by_class_folder_and_name(folder: Path) -> None:
    listed = files(folder)
    assert names(listed, folder) == ["a/0.txt", "a/x/2.txt", "b/1.TXT", "b/3.txt", "c/4.txt"]
    assert listed.labels is not None
    assert listed.labels.tolist() == [0, 0, 1, 1, 2]
    assert listed.class_names == ["a", "b", "c"]


def test_hidden_folders_are_no_classes(folder: Path) -> None:
    (folder / ".ipynb_checkpoints").mkdir()
    assert files(folder).class_names == ["a", "b", "c"]


def test_class_names_choose_classes_and_their_numbers(folder: Path) -> None:
    listed = files(folder, class_names=["c", "a"])
    assert names(listed, folder) == ["c/4.txt", "a/0.txt", "a/x/2.txt"]
    assert listed.labels is not None
    assert listed.labels.tolist() == [0, 1, 1]


def test_the_shuffled_order_is_that_of_numpys_random_state(folder: Path) -> None:
    order = np.arange(5)
    np.random.RandomState(7).shuffle(order)
    listed = files(folder, shuffle=True, seed=7)
    assert listed.paths == [files(folder).paths[index] for index in order]
    assert listed.labels is not None
    assert listed.labels.tolist() == [[0, 0, 1, 1, 2][index] for index in order]


def test_given_labels_belong_to_the_sorted_paths(folder: Path) -> None:
    listed = files(folder, labels=[5, 3, 5, 3, 3])
    assert listed.class_names == ["3", "5"]
    with pytest.raises(ValueError, match="one entry for each of the 5 text files.*2 labels"):
        files(folder, labels=[0, 1])


@pytest.mark.parametrize(
    ("label_mode", "class_names", "expected"),
    [
        ("int", None, [0, 0, 1, 1, 2]),
        ("binary", ["a", "b"], [[0.0], [0.0], [1.0], [1.0]]),
        ("categorical", ["a", "b"], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
    ],
)
def test_label_modes(folder: Path, label_mode: str, class_names: Any, expected: list[Any]) -> None:
    dataset = files(folder, label_mode=label_mode, class_names=class_names).datasets(stems, batch_size=10)
    [(_, labels)] = list(dataset)
    assert labels.tolist() == expected
    assert labels.dtype == (torch.int32 if label_mode == "int" else torch.float32)


@pytest.mark.parametrize("without", [{"labels": None}, {"label_mode": None}])
def test_without_labels_batches_are_the_files_alone(folder: Path, without: dict[str, Any]) -> None:
    dataset = files(folder, **without).datasets(stems, batch_size=10)
    [batch] = list(dataset)
    assert batch.tolist() == [0.0, 2.0, 1.0, 3.0, 4.0]


def test_the_last_files_are_for_validation(folder: Path) -> None:
    training, validation = files(folder, validation_split=0.4, subset="both").datasets(stems, batch_size=2)
    assert [x.tolist() for x, _ in training] == [[0.0, 2.0], [1.0]]
    assert [x.tolist() for x, _ in validation] == [[3.0, 4.0]]
    assert validation.class_names == ["a", "b", "c"]
    assert [Path(path).name for path in validation.file_paths] == ["3.txt", "4.txt"]


def test_links_to_directories_are_followed_only_on_request(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "9.txt").write_text("9", encoding="utf-8")
    (folder / "a" / "link").symlink_to(outside)
    assert len(files(folder).paths) == 5
    assert len(files(folder, follow_links=True).paths) == 6


def test_what_was_found_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files(folder, verbose=True, validation_split=0.4, subset="training").datasets(stems, batch_size=2)
    assert capsys.readouterr().out == "Found 5 files belonging to 3 classes.\nUsing 3 files for training.\n"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"labels": "guess"}, '`labels` must be "inferred"'),
        ({"labels": None, "class_names": ["a"]}, "`class_names` can only be given"),
        ({"label_mode": "one_hot"}, "`label_mode` must be one of"),
        ({"label_mode": "binary"}, "exactly 2 classes"),
        ({"class_names": ["a", "../b"]}, "names of the subdirectories"),
        ({"validation_split": 2.0, "subset": "training"}, "between 0 and 1"),
        ({"validation_split": 0.5}, "go together"),
        ({"validation_split": 0.5, "subset": "test"}, '`subset` must be "training"'),
        ({"validation_split": 0.5, "subset": "training", "shuffle": True}, "needs a `seed`"),
    ],
)
def test_arguments_that_contradict_the_files_or_each_other(folder: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        files(folder, **kwargs)


def test_an_empty_part_and_a_missing_directory_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="No validation text files found"):
        files(folder, validation_split=0.1, subset="validation").datasets(stems, batch_size=2)
    with pytest.raises(FileNotFoundError, match="existing directory of text files"):
        files(folder / "d")
