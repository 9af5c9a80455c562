from __future__ import annotations

from pathlib import Path

import pytest

from keras_torch.dropin.guess import guess_dialect

IMPORTS = "from keras.models import Sequential\nfrom keras.layers import Dense, Convolution2D, Conv2D, merge\n"
SCRIPTS = {
    "model.fit(x, y, nb_epoch=3)": "1",
    "Dense(output_dim=3)": "1",
    "Convolution2D(32, 3, 3, border_mode='same')": "1",
    "Convolution2D(32, 3, 3)": "1",
    "Convolution2D(32, (3, 3), padding='same')": "2",
    "model.fit(x, y, epochs=3)": "2",
    "merged = merge([a, b], mode='concat')": "1",
    "model.fit_generator(g, samples_per_epoch=100)": "1",
    "Model(input=a, output=b)": "1",
    "from keras.initializations import normal": "1",
    "from keras.optimizers import Adam; Adam(lr=0.1)": "2",
    "import keras; keras.ops.sum(x)": "3",
    "from keras.layers import Embedding; Embedding(input_dim=3, output_dim=4)": "2",
    "from keras.objectives import mse; Conv2D(3, (3, 3), padding='same'); model.fit(x, y, epochs=3)": "2",
    "import keras.backend as K; K.image_dim_ordering()": "1",
    "import keras.backend as K; K.image_dim_ordering(); Dense(units=3); model.fit(x, y, epochs=3)": "2",
    "Model(input=a, output=b); Conv2D(3, (3, 3), padding='same'); model.fit(x, y, epochs=3)": "2",
    "import keras as K; K.initializations.normal": "1",
}


@pytest.mark.parametrize(("line", "dialect"), SCRIPTS.items())
def test_names_and_arguments_tell_the_generation(tmp_path: Path, line: str, dialect: str):
    script = tmp_path / "script.py"
    imports = IMPORTS if "merge(" in line else IMPORTS.replace(", merge", "")
    script.write_text(imports + line + "\n", encoding="utf-8")
    assert guess_dialect(script) == dialect


@pytest.mark.parametrize(
    ("source", "dialect"),
    [
        ("from tensorflow import keras\n", "tf"),
        ("import tensorflow as tf\nm = tf.keras.Sequential()\n", "tf"),
        ("from tensorflow.keras.layers import Dense\n", "tf"),
        ("import tensorflow as tf\nfrom keras.layers import Dense\ntf.ConfigProto()\n", "2"),
        ("import numpy\n", None),
        ("from keras.layers.merge import concatenate\n", "2"),
        ("from keras import ops\n", "3"),
        ("import keras\nlayer = keras.layers.MultiHeadAttention(2, 2)\n", "3"),
        ("from keras import layers\nx = layers.Rescaling(1 / 255)\n", "3"),
        ("import keras\nkeras.models.load_model('model.keras')\n", "3"),
        ("import keras\nmodel.save(f'{name}.keras')\n", "3"),
        ("from keras.layers import LayerNormalization\nfrom keras.preprocessing.text import Tokenizer\n", "tf"),
        ("import keras\nclass A(keras.layers.Layer):\n  def __init__(self):\n    super().__init__(name=f'{1}')\n", "2"),
        ("import keras, os\nos.path.expanduser('~/.keras'), os.path.join('home', '.keras'), f'{1}/.keras'\n", "2"),
        ("print 'Python 2'\n", None),
    ],
)
def test_imports_tell_the_generation(tmp_path: Path, source: str, dialect: str | None):
    script = tmp_path / "script.py"
    script.write_text(source, encoding="utf-8")
    assert guess_dialect(script) == dialect


def test_modules_beside_the_script_count(tmp_path: Path):
    (tmp_path / "net.py").write_text(IMPORTS + "model.fit(x, y, nb_epoch=3)\n", encoding="utf-8")
    script = tmp_path / "train.py"
    script.write_text("import net\n", encoding="utf-8")
    assert guess_dialect(script) == "1"


def test_the_examples_are_recognized():
    folder = Path(__file__).parents[2] / "examples"
    for name, dialect in (("keras1", "1"), ("keras2", "2"), ("tfkeras", "tf")):
        assert guess_dialect(folder / f"digits_cnn_{name}.py") == dialect
