"""Names of numpy, the standard library, h5py and PyYAML that scripts of 2015 to 2019 rely on."""

from __future__ import annotations

import builtins
import collections
import importlib
import io
import math
import os
import pickle
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from keras_torch import dropin
from keras_torch.dropin import era
from keras_torch.dropin.era import tables


@pytest.fixture
def old_names():
    with era.install() as installed:
        yield installed


def as_a_script(source: str, **names: object) -> dict[str, object]:
    """Run code as a script does: what changes for scripts does not change for libraries."""
    found: dict[str, object] = {"__name__": "__main__", **names}
    exec(compile(source, "script.py", "exec"), found)
    return found


def test_numpy_answers_to_the_names_that_it_had(old_names):
    assert (np.float, np.int, np.complex) == (float, int, complex)
    assert np.dtype(np.bool) == np.dtype(bool)
    assert np.zeros(2, dtype=np.object).dtype == object
    assert (np.Inf, np.infty, np.NINF) == (math.inf, math.inf, -math.inf)
    assert math.isnan(np.NaN)
    assert np.asscalar(np.array([[3.5]])) == 3.5
    assert np.product([2, 3]) == 6
    assert np.cumproduct([2, 3]).tolist() == [2, 6]
    assert (np.sometrue([0, 1]), np.alltrue([0, 1])) == (True, False)
    assert np.in1d([[1, 2], [3, 1]], [1]).tolist() == [True, False, False, True]
    assert np.trapz([1, 2, 3]) == 4
    assert np.string_ is np.bytes_
    assert np.histogram([0, 1, 1], bins=2, normed=True)[0].sum() == pytest.approx(2)


def test_bytes_become_arrays_and_text_is_still_read(old_names):
    assert np.fromstring(b"\x01\x02", dtype=np.uint8).tolist() == [1, 2]
    array = np.fromstring("ab", np.uint8)
    array[0] = 0
    assert array.tolist() == [0, 98]
    assert np.fromstring("1 2.5", sep=" ").tolist() == [1, 2.5]


def test_lists_of_unequal_length_become_arrays_of_lists_for_scripts_alone(old_names):
    script = as_a_script("import numpy as np\na = np.array([[1], [2, 3]])\nb = np.asarray([[1], [2, 3]])")
    assert script["a"].dtype == script["b"].dtype == object
    assert script["a"].tolist() == [[1], [2, 3]]
    assert as_a_script("import numpy as np\na = np.copy([[1], [2, 3]], 'C')")["a"].tolist() == [[1], [2, 3]]
    with pytest.raises(ValueError, match="inhomogeneous"):
        as_a_script("import numpy as np\nnp.array([[1], [2, 3]], dtype='float32')")
    library = str(Path(np.__file__).with_name("of_numpy.py"))
    with pytest.raises(ValueError, match="inhomogeneous"):
        exec(compile("np.array([[1], [2, 3]])", library, "exec"), {"np": np})
    assert np.copy([[1, 2], [3]]).tolist() == [[1, 2], [3]]


class Harm:
    """Unpickled, it would run a function."""

    def __reduce__(self):
        return os.mkdir, ("harm done",)


def test_arrays_of_lists_are_loaded_and_nothing_runs(old_names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    lists, harm = np.empty(2, object), np.empty(1, object)
    lists[:] = [[1, 2], ["word"]]
    harm[0] = Harm()
    np.savez("lists.npz", x=lists, y=np.arange(2))
    np.save("lists.npy", lists)
    np.savez("harm.npz", x=harm)
    np.save("harm.npy", harm)
    script = as_a_script(
        "import numpy as np\nwith np.load('lists.npz') as f:\n    x, y, names = f['x'], f.f.y, f.files\n"
        "z = np.load('lists.npy')\nwith open('lists.npy', 'rb') as f:\n    w = np.load(f)"
    )
    for array in (script["x"], script["z"], script["w"]):
        assert array.tolist() == [[1, 2], ["word"]]
    assert (script["y"].tolist(), sorted(script["names"])) == ([0, 1], ["x", "y"])
    for line in ("np.load('harm.npz')['x']", "np.load('harm.npy')"):
        with pytest.raises(ValueError, match="which is refused"):
            as_a_script(f"import numpy as np\n{line}")
    with pytest.raises(ValueError, match="allow_pickle"):
        as_a_script("import numpy as np\nnp.load('lists.npy', allow_pickle=False)")
    assert not (tmp_path / "harm done").exists()


def test_the_standard_library_answers_to_the_names_that_it_had(old_names):
    script = as_a_script(
        """
import collections, fractions, inspect, itertools, string, sys, time, urllib
import Queue, cPickle, urllib2, ConfigParser
from StringIO import StringIO
from collections import Iterable, Mapping
started = time.clock()
spec = inspect.getargspec(lambda a, b=2, *c, **d: 0)
words = string.join(string.split("a b"), "-")
moved = "abc".translate(string.maketrans("ab", "xy"))
"""
    )
    assert isinstance([], script["Iterable"])
    assert script["spec"] == (["a", "b"], "c", "d", (2,))
    assert (script["words"], script["moved"]) == ("a-b", "xyc")
    assert script["started"] >= 0
    assert script["fractions"].gcd(4, 6) == 2
    assert list(script["itertools"].izip([1], [2])) == [(1, 2)]
    assert script["urllib"].quote("a b") == "a%20b"
    assert script["urllib2"].URLError is not None
    assert script["Queue"].Queue is not None
    assert script["StringIO"](b"ab").read() == b"ab"
    assert script["StringIO"]("ab").read() == "ab"
    with pytest.raises(ValueError, match="keyword-only"):
        script["inspect"].getargspec(lambda *, a: 0)


def test_matches_of_nothing_split_no_text(old_names):
    found = as_a_script(
        r"""
import re
words = re.split(r'(\W+)?', "Is it? Yes.")
one, first = re.split(re.compile('(b*)'), 'ac'), re.split('x*', 'axbxc', 1)
parts = re.split('(?=[A-Z])', 'oneTwo')
"""
    )
    # As in Python 3.6; an expression that always matches nothing was an error then.
    assert found["words"] == ["Is", " ", "it", "? ", "Yes", ".", ""]
    assert (found["one"], found["first"], found["parts"]) == (["ac"], ["a", "bxc"], ["one", "Two"])


def test_builtins_of_python_2_that_still_parse(old_names):
    script = as_a_script("total = reduce(lambda a, b: a + b, xrange(4))\nkinds = unicode, long, basestring, unichr")
    assert script["total"] == 6
    assert script["kinds"] == (str, int, str, chr)


def test_pickles_of_python_2_are_read_as_text(old_names):
    # The protocol 0 pickle of a Python 2 dict {"a": "\xe9"}.
    written = b"(dp0\nS'a'\np1\nS'\\xe9'\np2\ns."
    script = as_a_script("import cPickle as pickle\nfound = pickle.load(file)", file=io.BytesIO(written))
    assert script["found"] == {"a": "\xe9"}
    assert script["pickle"].dumps is pickle.dumps


def test_hdf5_files_open_for_writing_without_a_mode(old_names, tmp_path: Path):
    path = tmp_path / "new.h5"
    script = as_a_script(
        "import h5py\nwith h5py.File(path) as f:\n    f['x'] = [1, 2]\nx = h5py.File(path)['x'].value",
        path=str(path),
    )
    assert script["x"].tolist() == [1, 2]
    with h5py.File(path, "r") as held:
        assert held["x"].value.tolist() == [1, 2]
    with pytest.raises(OSError):
        as_a_script("import h5py\nh5py.File(path)", path=str(tmp_path / "no folder" / "x.h5"))


def test_an_hdf5_file_that_cannot_be_written_opens_for_reading(old_names, tmp_path: Path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with h5py.File(path, "r"):
        script = as_a_script("import h5py\nwith h5py.File(path) as f:\n    mode = f.mode", path=str(path))
    assert script["mode"] == "r"


def test_yaml_without_a_loader_reads_data_only(old_names):
    assert yaml.load("a: [1, 2]") == {"a": [1, 2]}
    assert list(yaml.load_all("1\n---\n2")) == [1, 2]
    assert yaml.load("a: 1", Loader=yaml.FullLoader) == {"a": 1}
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []")


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    for name in ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    before = (set(vars(np)), np.array, h5py.File.__init__, yaml.load, set(vars(builtins)), set(sys.modules))
    with era.install():
        if sys.platform.startswith("linux"):
            assert os.environ["MPLBACKEND"] == "Agg"
        as_a_script("import numpy as np, cPickle\nfrom collections import Mapping\nnp.float, np.product, xrange")
    after = (set(vars(np)), np.array, h5py.File.__init__, yaml.load, set(vars(builtins)), set(sys.modules))
    assert after == before
    assert not hasattr(collections, "Mapping")
    assert "MPLBACKEND" not in os.environ
    with pytest.raises(AttributeError):
        _ = np.float
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("cPickle")


def test_libraries_are_not_imported_before_the_script_does():
    for name in ("pandas", "PIL", "scipy", "sklearn"):
        if name in sys.modules:
            pytest.skip(f"{name} was imported by another test")
    with era.install():
        import urllib.parse  # noqa: F401
    assert not {"pandas", "PIL", "scipy", "sklearn"} & set(sys.modules)


def test_the_era_belongs_to_the_import_hook():
    with dropin.install("1", era=True):
        assert np.float is float
        assert dropin.install("2") is dropin.install("2", era=True)
    assert not hasattr(np, "float")
    with dropin.install("2"):
        assert not hasattr(np, "float")


# scipy takes seconds to import.
REAL = [name for name in tables.NAMES if name not in tables.MODULES]
MODULES = [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("scipy.")) for name in REAL]


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_the_tables_is_there(old_names, module: str):
    warnings.simplefilter("ignore")
    pytest.importorskip(module.partition(".")[0])
    found = importlib.import_module(module)
    for name in tables.NAMES[module]:
        assert getattr(found, name) is not None
    with pytest.raises(AttributeError):
        _ = found.no_such_name


@pytest.mark.parametrize("module", tables.MODULES)
def test_every_module_of_the_tables_is_there(old_names, module: str):
    warnings.simplefilter("ignore")
    library = module.partition(".")[0]
    if library in ("scipy", "sklearn"):
        pytest.importorskip(library)
    for needed in ("six", "joblib", "PIL", "setuptools"):
        if tables.MODULES[module].partition(".")[0] == needed:
            pytest.importorskip(needed)
    found = importlib.import_module(module)
    for name in tables.NAMES.get(module, ()):
        assert getattr(found, name) is not None
