"""Names of scipy, scikit-learn, pandas and Pillow that scripts of 2015 to 2019 rely on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from keras_torch.dropin import era


@pytest.fixture(autouse=True)
def old_names():
    with era.install():
        yield


@pytest.fixture
def misc():
    pytest.importorskip("scipy")
    pytest.importorskip("PIL")
    import scipy.misc

    return scipy.misc


def test_images_are_written_read_and_resized(misc, tmp_path: Path):
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    misc.imsave(str(tmp_path / "a.png"), picture)
    assert np.array_equal(misc.imread(str(tmp_path / "a.png")), picture)
    gray = misc.imread(str(tmp_path / "a.png"), flatten=True)
    assert (gray.dtype, gray.shape) == (np.float32, (4, 4))
    assert misc.imread(str(tmp_path / "a.png"), mode="L").dtype == np.uint8
    assert misc.imresize(picture, (2, 8)).shape == (2, 8, 3)
    assert misc.imresize(picture, 50).shape == (2, 2, 3)
    assert misc.imresize(picture, 1.5, interp="bicubic").shape == (6, 6, 3)
    assert misc.imrotate(picture, 90, "nearest")[0].tolist() == picture[:, 3].tolist()
    with pytest.raises(ValueError, match="`interp`"):
        misc.imresize(picture, 50, "sharp")


def test_values_are_stretched_to_bytes_as_in_scipy_1_2(misc):
    assert misc.bytescale(np.array([[-1.0, 0.0, 3.0]])).tolist() == [[0, 64, 255]]
    assert misc.bytescale(np.array([[0.0, 0.5, 2.0]]), cmin=0, cmax=1).tolist() == [[0, 128, 255]]
    assert np.array(misc.toimage(np.zeros((3, 5, 7)))).shape == (5, 7, 3)
    assert np.array(misc.toimage(np.array([[0.0, 1.0]]), mode="I")).tolist() == [[0, 255]]
    for wrong in (np.zeros((5, 7, 2)), np.zeros(3), np.zeros((4, 4), complex)):
        with pytest.raises(ValueError):
            misc.toimage(wrong)


def test_numbers_of_scipy_misc(misc):
    assert misc.comb(5, 2) == 10
    assert misc.factorial(5) == 120
    assert misc.logsumexp([0.0, 0.0]) == pytest.approx(np.log(2))
    assert misc.derivative(lambda x: x**3, 2.0, dx=1e-3) == pytest.approx(12.0, rel=1e-5)
    assert misc.derivative(lambda x: x**4, 1.0, dx=1e-2, n=2, order=5) == pytest.approx(12.0, rel=1e-6)
    with pytest.raises(ValueError, match="`order`"):
        misc.derivative(abs, 0.0, n=3)


def test_fonts_and_filters_of_old_pillow():
    pytest.importorskip("PIL")
    from PIL import Image, ImageDraw, ImageFont

    assert Image.ANTIALIAS == Image.LANCZOS
    draw = ImageDraw.Draw(Image.new("L", (50, 20)))
    width, height = draw.textsize("abc")
    assert width > 0
    assert height > 0
    assert ImageFont.load_default().getsize("abc")[0] > 0


def test_folds_that_know_their_data():
    pytest.importorskip("sklearn")
    from sklearn.cross_validation import KFold, ShuffleSplit, StratifiedKFold, cross_val_score, train_test_split
    from sklearn.linear_model import LogisticRegression

    folds = KFold(6, n_folds=3, random_state=7)
    assert len(folds) == 3
    assert [test.tolist() for _, test in folds] == [[0, 1], [2, 3], [4, 5]]
    labels = np.array([0, 1] * 4)
    for train, test in StratifiedKFold(y=labels, n_folds=2, shuffle=True, random_state=1):
        assert labels[test].mean() == labels[train].mean() == 0.5
    assert [len(test) for _, test in ShuffleSplit(10, n_iter=2, test_size=0.3)] == [3, 3]
    assert len(train_test_split(np.zeros(8), labels, test_size=0.25)) == 4
    x = labels[:, None] + 0.1 * np.arange(8)[:, None]
    assert cross_val_score(LogisticRegression(), x, labels, cv=KFold(8, 2)).shape == (2,)


def test_searches_list_their_scores():
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.grid_search import GridSearchCV, ParameterGrid, RandomizedSearchCV
    from sklearn.linear_model import LogisticRegression

    x, y = np.arange(12.0)[:, None] % 2, np.arange(12) % 2
    search = clone(GridSearchCV(estimator=LogisticRegression(), param_grid={"C": [0.1, 1.0]}, n_jobs=1)).fit(x, y)
    assert search.best_score_ == 1.0
    parameters, mean, scores = search.grid_scores_[1]
    assert (parameters, mean, len(scores)) == ({"C": 1.0}, 1.0, 3)
    assert len(RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=1).fit(x, y).grid_scores_) == 1
    assert len(ParameterGrid({"a": [1, 2]})) == 2


def test_preprocessing_takes_old_arguments():
    pytest.importorskip("sklearn")
    from sklearn.preprocessing import Imputer, OneHotEncoder

    filled = Imputer(missing_values="NaN", strategy="mean", axis=0).fit_transform([[1.0, np.nan], [3.0, 4.0]])
    assert filled.tolist() == [[1, 4], [3, 4]]
    assert OneHotEncoder(sparse=False).fit_transform([[1], [2]]).tolist() == [[1, 0], [0, 1]]
    from sklearn.utils import class_weight

    assert class_weight.compute_class_weight("balanced", np.array([0, 1]), np.array([0, 0, 0, 1])).tolist() == [
        2 / 3,
        2,
    ]
    with pytest.raises(ValueError, match="transpose"):
        Imputer(axis=1)


def test_tables_of_old_pandas():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": [1, 2, 3], "b": [4.0, 5.0, 6.0]}, index=["x", "y", "z"])
    assert table.ix["y", "b"] == 5
    assert table.ix[1, 0] == 2
    assert table.ix[:, "a":"b"].shape == (3, 2)
    assert table.ix["x":"y", 1].tolist() == [4, 5]
    assert table.ix[0:2].index.tolist() == ["x", "y"]
    assert table.ix[[0, 2], ["b"]].to_numpy().tolist() == [[4], [6]]
    assert table.ix[np.array([True, False, True])].shape == (2, 2)
    table.ix["x", "a"] = 7
    table.ix["new"] = 0
    assert table["a"].tolist() == [7, 2, 3, 0]
    numbered = pd.DataFrame({"a": [1, 2, 3]})
    assert numbered.ix[0:1, "a"].tolist() == [1, 2]
    assert numbered.append({"a": 4}, ignore_index=True)["a"].tolist() == [1, 2, 3, 4]
    assert numbered["a"].append(numbered["a"]).shape == (6,)
    assert numbered.as_matrix().shape == (3, 1)
    assert numbered.set_value(0, "a", 9).get_value(0, "a") == 9
    assert [name for name, _ in numbered.iteritems()] == ["a"]
    assert numbered.sort("a")["a"].tolist() == [2, 3, 9]
    assert pd.rolling_mean(numbered["a"], 2).tolist()[1:] == [5.5, 2.5]
    assert table.drop("a", 1).columns.tolist() == table.drop(columns="a").columns.tolist() == ["b"]
    assert pd.concat([numbered, numbered], 1).shape == (3, 2)
    gaps = pd.DataFrame({"a": [1.0, None, 3.0]})
    assert gaps.fillna(method="ffill")["a"].tolist() == [1, 1, 3]
    assert gaps.fillna(method="bfill")["a"].tolist() == gaps.fillna(3)["a"].tolist() == [1, 3, 3]
    with pytest.raises(KeyError):
        _ = table.ix[["x", "nothing"]]


def test_series_are_read_with_a_parser_of_dates():
    pd = pytest.importorskip("pandas")
    text = "month,sales\n1-01,266\n1-02,145\n"
    series = pd.read_csv(
        io.StringIO(text),
        header=0,
        parse_dates=[0],
        index_col=0,
        squeeze=True,
        date_parser=lambda month: pd.datetime.strptime("190" + month, "%Y-%m"),
    )
    assert series.index[1] == pd.Timestamp("1901-02-01")
    assert series.tolist() == [266, 145]
    joined = pd.read_csv(
        io.StringIO("y,m,v\n2000,1,5\n"),
        parse_dates={"when": ["y", "m"]},
        date_parser=lambda text: pd.datetime.strptime(text, "%Y %m"),
    )
    assert joined.columns.tolist() == ["when", "v"]
    assert pd.read_csv(io.StringIO("1 2\n"), delim_whitespace=True, header=None).shape == (1, 2)
    assert pd.read_csv(io.StringIO("a\n1\n2,3\n"), error_bad_lines=False, warn_bad_lines=False).shape == (1, 1)


@pytest.mark.slow
def test_windows_and_integrals_of_old_scipy():
    pytest.importorskip("scipy")
    from scipy.integrate import simps, trapz
    from scipy.ndimage import imread
    from scipy.signal import hann

    assert trapz([1, 2, 3]) == simps([1, 2, 3]) == 4
    assert hann(5).shape == (5,)
    assert imread.__name__ == "imread"
