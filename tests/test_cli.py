from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import keras_torch
from keras_torch import cli

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
Run = Callable[..., subprocess.CompletedProcess[str]]


def run_afresh(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "keras_torch", *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Yield `run_afresh`, but for the imports, which are made once for all tests."""
    outputs = [tmp_path_factory.mktemp("run") / name for name in ("stdout", "stderr")]
    command = [sys.executable, str(Path(__file__).with_name("forking_python.py"))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        requests, answers = parent.stdin, parent.stdout

        def forked(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
            told = [arguments, str(folder), {**ENVIRONMENT, **environment}, [str(path) for path in outputs]]
            print(json.dumps(told), file=requests, flush=True)
            status = int(answers.readline())
            return subprocess.CompletedProcess(arguments, status, *(path.read_text("utf-8") for path in outputs))

        yield forked


def write(folder: Path, source: str, name: str = "script.py") -> str:
    (folder / name).write_text(source, encoding="utf-8")
    return name


def test_a_script_sees_its_arguments_its_name_and_its_folder(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    write(tmp_path, "import sys, beside\nprint(sys.argv, __name__, sys.path[0])", "inner/script.py")
    write(tmp_path, "", "inner/beside.py")
    result = run_afresh("run", "inner/script.py", "a", "--dialect", "9", folder=tmp_path)
    assert result.stderr == ""
    assert result.stdout.strip() == f"['inner/script.py', 'a', '--dialect', '9'] __main__ {tmp_path / 'inner'}"


def test_modules_beside_a_script_may_be_called_as_ours_are(run: Run, tmp_path: Path):
    (tmp_path / "project").mkdir()
    for name in ("models", "layers", "utils", "datasets", "callbacks", "backend"):
        write(tmp_path, f"import keras\nwhat = 'own {name}'", f"project/{name}.py")
    source = """
import argparse
import backend, callbacks, datasets, layers, models, utils
import keras as K
from keras.models import Sequential

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
print([item.what for item in (backend, callbacks, datasets, layers, models, utils)], parser.parse_args().epochs)
print(K.backend.floatx(), K.activations.relu.__name__, __file__, open("data.txt").read())
"""
    write(tmp_path, "relative", "data.txt")
    result = run("run", write(tmp_path, source, "project/train.py"), "--epochs", "3", folder=tmp_path)
    names = [f"own {name}" for name in ("backend", "callbacks", "datasets", "layers", "models", "utils")]
    assert result.stdout.splitlines() == [f"{names} 3", "float32 relu project/train.py relative"], result.stderr


# Each new process imports torch anew.
@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "module"])
def test_worker_processes_know_keras(tmp_path: Path, method: str):
    start = ("-m", "project.script") if method == "module" else (str(tmp_path / "project" / "script.py"),)
    method = "spawn" if method == "module" else method
    source = f"""
import multiprocessing
import numpy as np
{"from . import part" if start[0] == "-m" else ""}
import keras

def work(number):
    return number, keras.__version__, np.float(number)

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        print(pool.map(work, [1, 2]))
"""
    (tmp_path / "project").mkdir()
    write(tmp_path, "", "project/part.py")
    write(tmp_path, source, "project/script.py")
    result = run_afresh("run", "--dialect", "1", *start, folder=tmp_path)
    assert result.stdout.strip() == "[(1, '1.2.2', 1.0), (2, '1.2.2', 2.0)]", result.stderr


def test_a_module_is_run_as_python_does(run: Run, tmp_path: Path):
    write(tmp_path, "import sys, keras\nprint(sys.argv[1:], __name__, sys.path[0], keras.__version__)")
    result = run("run", "--dialect", "2", "-m", "script", "-x", "--gpus", folder=tmp_path)
    assert result.stdout.strip() == f"['-x', '--gpus'] __main__ {tmp_path} 2.2.4", result.stderr


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("import keras\nfrom keras.layers import Dense\nDense(output_dim=3)\n", "1.2.2"),
        ("import keras\n", "2.2.4"),
        ("from tensorflow import keras\n", "2.15.0"),
        ("import keras\nkeras.utils.set_random_seed(1)\n", "3.15.1"),
    ],
)
def test_the_dialect_is_guessed(run: Run, tmp_path: Path, source: str, version: str):
    result = run("run", write(tmp_path, source + "print(keras.__version__)"), folder=tmp_path)
    assert result.stdout.strip() == version, result.stderr


def test_the_environment_overrides_the_guess_and_the_option_overrides_both(run: Run, tmp_path: Path):
    script = write(tmp_path, "import keras\nprint(keras.__version__)")
    assert run("run", script, folder=tmp_path, KERAS_TORCH_DIALECT="tf").stdout.strip() == "2.15.0"
    result = run("run", "--dialect", "1", script, folder=tmp_path, KERAS_TORCH_DIALECT="tf")
    assert result.stdout.strip() == "1.2.2"


def test_names_of_the_time_answer_unless_asked_not_to(run: Run, tmp_path: Path):
    script = write(tmp_path, "import keras\nimport numpy as np\nprint(np.float, xrange(2))")
    assert run("run", script, folder=tmp_path).stdout.strip() == "<class 'float'> range(0, 2)"
    assert "AttributeError" in run("run", "--no-era", script, folder=tmp_path).stderr
    assert "AttributeError" in run("run", "--dialect", "3", script, folder=tmp_path).stderr
    assert "AttributeError" in run("run", "--no-era", "-m", "script", folder=tmp_path).stderr


def test_the_image_data_format_is_set(run: Run, tmp_path: Path):
    script = write(tmp_path, "from keras import backend as K\nprint(K.image_data_format())")
    result = run("run", "--image-data-format", "channels_first", script, folder=tmp_path)
    assert result.stdout.strip() == "channels_first", result.stderr


def test_exit_statuses_are_the_scripts(run: Run, tmp_path: Path):
    assert run("run", write(tmp_path, "import sys\nsys.exit(7)"), folder=tmp_path).returncode == 7
    result = run("run", write(tmp_path, "raise SystemExit('bad')"), folder=tmp_path)
    assert (result.returncode, result.stderr) == (1, "bad\n")


def test_a_traceback_begins_in_the_script(run: Run, tmp_path: Path):
    script = write(tmp_path, "def f():\n    raise KeyError('gone')\n\n\nf()\n")
    for arguments in ((script,), ("-m", "script")):
        result = run("run", *arguments, folder=tmp_path)
        assert result.returncode == 1
        assert "cli.py" not in result.stderr
        assert "runpy" not in result.stderr
        assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
        assert "script.py" in result.stderr.splitlines()[1]
        assert result.stderr.splitlines()[-1] == "KeyError: 'gone'"


def test_a_syntax_error_shows_the_line(run: Run, tmp_path: Path):
    result = run("run", write(tmp_path, "print 'Python 2'\n"), folder=tmp_path)
    assert result.returncode == 1
    assert "print 'Python 2'" in result.stderr
    assert "SyntaxError" in result.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--gpus", "99"], "--gpus 99: this machine has"),
        (["--gpus", "0"], "--gpus 0: expected the number of GPUs on this machine"),
        (["--processes", "0"], "--processes 0: expected the number of processes, 1 or more"),
        (["--gpus", "1", "--processes", "2"], "exclude each other"),
        (["--nodes", "2"], "--nodes and --max-restarts need --gpus N or --processes N"),
    ],
)
def test_wishes_for_processes_that_cannot_be_met_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
):
    with pytest.raises(SystemExit):
        cli.main(["run", *options, str(tmp_path / write(tmp_path, ""))])
    assert text in capsys.readouterr().err


def test_one_gpu_is_what_happens_anyway(run: Run, tmp_path: Path):
    assert run("run", "--gpus", "1", write(tmp_path, "print(1)"), folder=tmp_path).stdout.strip() == "1"


def test_a_missing_script_is_named(run: Run, tmp_path: Path):
    result = run("run", "nothing.py", folder=tmp_path)
    assert result.returncode == 2
    assert "there is no script 'nothing.py'" in result.stderr
    assert run("run", folder=tmp_path).returncode == 2


def test_inspect_shows_tables_or_json_and_tells_errors_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = keras_torch.Sequential([keras_torch.Input((3,)), keras_torch.layers.Dense(2, name="only")])
    model.save_weights(tmp_path / "w.h5")
    assert cli.main(["inspect", str(tmp_path / "w.h5")]) == 0
    assert "only/only/kernel:0  (3, 2)  float32" in capsys.readouterr().out
    assert cli.main(["inspect", "--json", str(tmp_path / "w.h5")]) == 0
    assert [row["bytes"] for row in json.loads(capsys.readouterr().out)["weights"]] == [24, 8]
    assert cli.main(["inspect", str(tmp_path / "gone.h5")]) == 1
    assert "keras-torch inspect: There is no file" in capsys.readouterr().err


def test_convert_writes_the_format_that_the_name_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model = keras_torch.Sequential([keras_torch.Input((3,)), keras_torch.layers.Dense(2, name="only")])
    model.save(tmp_path / "m.h5")
    source = str(tmp_path / "m.h5")
    assert cli.main(["convert", source, str(tmp_path / "m.json")]) == 0
    assert cli.main(["convert", "--weights-only", source, str(tmp_path / "w.h5")]) == 0
    assert cli.main(["convert", str(tmp_path / "w.h5"), str(tmp_path / "w.pt")]) == 1
    assert "holds weights alone" in capsys.readouterr().err
    architecture = ["--architecture", str(tmp_path / "m.json")]
    assert cli.main(["convert", *architecture, str(tmp_path / "w.h5"), str(tmp_path / "w.pt")]) == 0
    assert cli.main(["convert", *architecture, str(tmp_path / "w.pt"), str(tmp_path / "n.h5")]) == 0
    assert cli.main(["inspect", str(tmp_path / "w.pt")]) == 0
    assert "only.weight" in capsys.readouterr().out


def test_convert_takes_the_module_of_a_state_dict_from_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = "import torch\nmodule = torch.nn.Sequential(torch.nn.LSTM(3, 2, batch_first=True))\n"
    script = str(tmp_path / write(tmp_path, text))
    torch.save(torch.nn.Sequential(torch.nn.LSTM(3, 2, batch_first=True)).state_dict(), tmp_path / "w.pt")
    assert cli.main(["convert", "--module", script, str(tmp_path / "w.pt"), str(tmp_path / "w.h5")]) == 0
    assert cli.main(["inspect", str(tmp_path / "w.h5")]) == 0
    assert "(3, 8)" in capsys.readouterr().out
    (tmp_path / script).write_text("module = 3\n")
    assert cli.main(["convert", "--module", script, str(tmp_path / "w.pt"), str(tmp_path / "w.h5")]) == 1
    assert "must have a variable `module`" in capsys.readouterr().err


def test_convert_takes_custom_objects_from_a_script_that_is_named(tmp_path: Path):
    script = write(
        tmp_path,
        """
        import keras

        class Twice(keras.layers.Layer):
            def call(self, x):
                return 2 * x
        """.replace("\n        ", "\n"),
    )
    made: dict[str, object] = {}
    exec("import keras_torch as keras" + (tmp_path / script).read_text().replace("import keras\n", "\n"), made)
    keras_torch.Sequential([keras_torch.Input((3,)), made["Twice"]()]).save(tmp_path / "m.h5")
    command = ["convert", str(tmp_path / "m.h5"), str(tmp_path / "m.json")]
    assert cli.main(command) == 1
    assert cli.main([*command, "--custom-objects", str(tmp_path / script)]) == 0
