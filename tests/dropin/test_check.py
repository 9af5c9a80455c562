"""What `keras-torch check` finds in scripts, which it reads and does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_torch import cli
from keras_torch.dropin import check, modern
from keras_torch.dropin.check import Report, resolve


def report(folder: Path, text: str, dialect: str | None = None) -> Report:
    script = folder / "script.py"
    script.write_text(text, encoding="utf-8")
    (found,) = check.check([script], dialect)
    return found


def spelled(found: Report, status: str) -> dict[str, str | None]:
    return {
        use.name if use.argument is None else f"{use.name}({use.argument})": use.modern for use in found.having(status)
    }


KERAS_1 = """
from keras.models import Sequential
from keras.layers.core import Dense
from keras.layers.convolutional import Convolution2D
from keras import backend as K
import numpy as np
from sklearn.cross_validation import train_test_split

model = Sequential()
model.add(Convolution2D(nb_filter=3, nb_row=3, nb_col=3, border_mode="same", input_shape=(8, 8, 3)))
model.add(Dense(output_dim=3, init="uniform"))
model.fit(np.zeros(3, np.float), 1, nb_epoch=2)
trained.fit_generator(g, samples_per_epoch=10)
for i in xrange(3):
    K.set_value(model.optimizer.lr, K.sum(x))
"""


def test_old_names_and_arguments_have_their_spelling_of_today(tmp_path: Path):
    found = report(tmp_path, KERAS_1)
    assert (found.ok, found.dialect) == (True, "1")
    assert spelled(found, "missing") == {}
    assert spelled(found, "old") == {
        "keras.layers.core.Dense": "keras.layers.Dense",
        "keras.layers.convolutional.Convolution2D": "keras.layers.Conv2D",
        "Convolution2D(nb_filter)": "filters",
        "Convolution2D(nb_row)": "kernel_size",
        "Convolution2D(nb_col)": "kernel_size",
        "Convolution2D(border_mode)": "padding",
        "Convolution2D(input_shape)": "keras.Input(shape=...)",
        "Dense(output_dim)": "units",
        "Dense(init)": "kernel_initializer",
        "Sequential.fit(nb_epoch)": "epochs",
        "Model.fit_generator": "fit",
        "Model.fit_generator(samples_per_epoch)": "steps_per_epoch, in batches",
        "keras.backend.set_value": "Variable.assign",
        "keras.backend.sum": "keras.ops.sum",
    }
    assert spelled(found, "era") == {
        "sklearn.cross_validation.train_test_split": "sklearn.model_selection.train_test_split",
        "numpy.float": "float",
        "xrange": "range",
    }


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("keras.layers.Nothing(3)", "keras.layers.Nothing"),
        ("from keras.nowhere import thing", "keras.nowhere.thing"),
        ("keras.layers.Dense(3, bananas=1)", "Dense(bananas)"),
        ("keras.optimizers.Adam(bananas=1)", "Adam(bananas)"),
        ("keras.backend.sum(x, axes=1)", "sum(axes)"),
        ("m = keras.models.Sequential(); m.fly()", "Sequential.fly"),
        ("m = keras.models.load_model('x'); m.summary(bad=1)", "Model.summary(bad)"),
        ("self.net = keras.Model(a, b); self.net.compile('sgd', los='mse')", "Model.compile(los)"),
        ("from tensorflow import keras\nkeras.layers.TFSMLayer('x')", "tensorflow.keras.layers.TFSMLayer"),
        ("import tensorflow as tf\ntf.nothing_of_ours()", "tensorflow.nothing_of_ours"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, line: str, name: str):
    found = report(tmp_path, f"import keras\n{line}\n")
    assert list(spelled(found, "missing")) == [name]
    assert not found.ok


@pytest.mark.parametrize(
    "text",
    [
        "import keras\nkeras.layers.Dense(3, name='a', weights=None, trainable=False, input_dim=3)",
        "from keras.layers import *\nDense(3)\nFoo()",
        "import keras\nkeras.Model(inputs=a, outputs=b, name='m')",
        "from keras.layers.merge import concatenate\nconcatenate([a, b], axis=1)",
        "from tensorflow.keras.layers import Dense\nDense(units=3)",
        "import keras.backend as K\nx = K.variable(1)\nx.anything()\nK.learning_phase()",
        "import keras\nmodel = other()\nmodel.fly(high=1)",
        "import keras\nkeras.initializers.RandomUniform(scale=3)",
        "import keras\nclass A(keras.layers.Layer):\n    def call(self, x):\n        return self.other(x, bananas=1)",
        "import numpy as np\nxrange = range\nxrange(3)",
    ],
)
def test_what_is_there_is_not_called_missing(tmp_path: Path, text: str):
    found = report(tmp_path, text)
    assert found.ok, str(found)


def test_names_that_a_star_import_brings_are_seen(tmp_path: Path):
    found = report(tmp_path, "from keras.layers import *\nDense(bananas=3)\ndef LSTM(): ...\nLSTM(bananas=3)\n")
    assert list(spelled(found, "missing")) == ["Dense(bananas)"]


def test_the_era_is_for_the_classic_dialects(tmp_path: Path):
    text = "import numpy as np\nimport keras\nnp.float\n"
    assert spelled(report(tmp_path, text), "era") == {"numpy.float": "float"}
    assert spelled(report(tmp_path, text, "3"), "era") == {}


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("keras.objectives", "keras.losses"),
        ("keras.utils.np_utils.to_categorical", "keras.utils.to_categorical"),
        ("keras.engine.topology.Layer", "keras.layers.Layer"),
        ("keras.regularizers.WeightRegularizer", "keras.regularizers.L1L2"),
        ("keras.optimizers.adam", "keras.optimizers.Adam"),
        ("keras.layers.CuDNNLSTM", "keras.layers.LSTM"),
        ("keras.utils.generic_utils.Progbar", "keras.utils.Progbar"),
        ("keras.backend.image_dim_ordering", "keras.config.image_data_format"),
        ("keras.layers.Dense", None),
        ("keras.Model", None),
        ("tensorflow.keras.models.Model", None),
        ("keras.callbacks.EarlyStopping", None),
        ("keras.optimizers.schedules", None),
    ],
)
def test_names_of_today(name: str, today: str | None):
    assert modern.spelling(name, resolve(name)) == today


def test_nothing_of_the_script_runs_and_folders_are_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("import keras\nraise SystemExit(9)\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("import keras\nkeras.layers.Nothing()\n", encoding="utf-8")
    (tmp_path / "c.py").write_text("print 'Python 2'\n", encoding="utf-8")
    assert cli.main(["check", str(tmp_path / "inner")]) == 0
    assert cli.main(["check", str(tmp_path / "b.py")]) == 1
    assert "line 2: keras.layers.Nothing" in capsys.readouterr().out
    assert cli.main(["check", "--json", str(tmp_path)]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert [(Path(item["file"]).name, item["ok"]) for item in reports] == [
        ("b.py", False),
        ("c.py", False),
        ("a.py", True),
    ]
    assert "is no Python 3 (line 1)" in reports[1]["problem"]
    assert cli.main(["check", str(tmp_path / "gone.py")]) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_the_examples_lack_nothing():
    folder = Path(__file__).parents[2] / "examples"
    for found in check.check([folder / "digits_cnn_keras1.py", folder / "digits_cnn_tfkeras.py"]):
        assert found.ok, str(found)


def test_the_code_cells_of_notebooks_are_read(tmp_path: Path):
    cells = [
        {"cell_type": "markdown", "source": "keras.layers.Nothing"},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "!pip install keras\n", "from keras.layers import Dense\n"],
        },
        {"cell_type": "code", "source": "%%bash\nls *.h5"},
        {
            "cell_type": "code",
            "source": "%%time\nfiles = !ls\nlayer = Dense(output_dim=3)\nlayer?",
        },
        {"cell_type": "code", "source": "Dense(\n  nothing=4\n  % 3)"},
    ]
    for name, content in (
        ("four.ipynb", {"cells": cells, "metadata": {}, "nbformat": 4}),
        ("three.ipynb", {"worksheets": [{"cells": cells}], "metadata": {}, "nbformat": 3}),
    ):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
        (found,) = check.check([tmp_path / name])
        assert [str(use) for use in found.having("old")] == ["cell 4, line 3: Dense(output_dim=) → units"]
        assert [str(use) for use in found.having("missing")] == ["cell 5, line 2: Dense(nothing=)"]
        assert found.dialect == "1"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            '{"cells": [{"cell_type": "code", "source": "x"}, {"cell_type": "code", "source": "y\\nprint 1"}]}',
            "cell 2, line 2",
        ),
        ('{"cells": 3}', "no Jupyter notebook"),
        ("[]", "no Jupyter notebook"),
        ("{", "cannot be read"),
        ('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "a notebook in r"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_notebook_is_told(tmp_path: Path, content: str, problem: str):
    (tmp_path / "a.ipynb").write_text(content, encoding="utf-8")
    (found,) = check.check([tmp_path])
    assert not found.ok and problem in str(found)
