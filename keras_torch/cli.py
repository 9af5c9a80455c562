"""The command `keras-torch`: run Keras scripts, unmodified, on PyTorch; check them; look into and convert files."""

from __future__ import annotations

import argparse
import io
import json
import os
import runpy
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from keras_torch import config
from keras_torch.distributed import launch, worker


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keras-torch", description="Keras's API on PyTorch.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="run a Keras script, unmodified",
        description="Run a script whose `import keras` and `from tensorflow import keras` mean keras_torch.",
        usage="keras-torch run [options] SCRIPT [ARGS ...]\n       keras-torch run [options] -m MODULE [ARGS ...]",
    )
    run.add_argument(
        "--dialect",
        choices=config.DIALECTS,
        help="the Keras that the script was written for: 1, 2, tf (tf.keras) or 3; guessed from the script if left out",
    )
    run.add_argument(
        "--image-data-format",
        choices=("channels_last", "channels_first"),
        help="the default layout of images, as `image_data_format` in keras.json",
    )
    run.add_argument(
        "--no-era",
        action="store_true",
        help="do not add names that numpy, scipy and others had at the time of Keras 1 and 2, and have no longer",
    )
    run.add_argument(
        "--real-tensorflow",
        action="store_true",
        help="leave an installed TensorFlow alone, except for tf.keras (as KERAS_TORCH_TENSORFLOW=real does)",
    )
    _add_processes(run)
    run.add_argument("-m", dest="module", metavar="MODULE", help="run a module instead of a file, as `python -m` does")
    run.add_argument("rest", nargs=argparse.REMAINDER, metavar="SCRIPT [ARGS ...]", help="the script and its arguments")
    run.set_defaults(parser=run)
    _add_inspect(commands)
    _add_convert(commands)
    _add_check(commands)
    return parser


def _add_processes(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("several processes, which torchrun starts")
    group.add_argument("--gpus", type=int, metavar="N", help="train on N GPUs of this machine, one process for each")
    group.add_argument("--processes", type=int, metavar="N", help="train in N processes on the CPU of this machine")
    group.add_argument("--nodes", default="1", metavar="M", help="the number of machines; run the command on each")
    group.add_argument("--node-rank", type=int, metavar="I", help="the number of this machine, from 0")
    group.add_argument("--rdzv-endpoint", metavar="HOST:PORT", help="where the machines meet: the first one's address")
    group.add_argument("--rdzv-id", default="keras-torch", metavar="NAME", help="a name for this run on all machines")
    group.add_argument(
        "--shard", action="store_true", help="for models too big for one: each process keeps a part of all weights"
    )
    group.add_argument(
        "--zero", action="store_true", help="each process keeps a part of gradients and optimizer state only"
    )
    group.add_argument(
        "--max-restarts", type=int, default=0, metavar="K", help="start all anew, K times, when a process dies"
    )


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser(
        "inspect",
        help="show what a file holds, without running anything of it",
        description="Show version, layers, arrays and compile arguments of a Keras or torch file, and what loading it "
        "needs. Nothing in the file is built or run.",
    )
    inspect.add_argument(
        "file", metavar="FILE", help="a .h5, .keras, .weights.h5, JSON, YAML, .pt or .safetensors file"
    )
    inspect.add_argument("--json", action="store_true", help="print JSON, for scripts")
    inspect.set_defaults(parser=inspect, action=_inspect)


def _add_convert(commands: Any) -> None:
    convert = commands.add_parser(
        "convert",
        help="convert a Keras or torch file into another format",
        description="Convert SRC into the format that the name of DST tells: .keras, .h5, .weights.h5, .json, .yaml; "
        "in plain PyTorch .pt and .safetensors (state dict), .py (source, with the state dict beside it), .pt2 "
        "(exported program) and .onnx.",
    )
    convert.add_argument("source", metavar="SRC", help="a file that `keras-torch inspect` knows")
    convert.add_argument("target", metavar="DST", help="the file to write")
    convert.add_argument("--architecture", metavar="FILE", help="the model that the weights in SRC belong to")
    convert.add_argument("--weights-only", action="store_true", help="leave out the model: for DST in .h5")
    convert.add_argument("--no-optimizer", action="store_true", help="leave out compile arguments and optimizer state")
    convert.add_argument("--overwrite", action="store_true", help="replace DST without asking")
    convert.add_argument("--names", metavar="FILE.json", help="an object of torch module paths and their layers' names")
    convert.add_argument(
        "--module",
        metavar="FILE.py",
        help="a script of yours, which is run, whose variable `module` is the torch module of the state dict in SRC",
    )
    convert.add_argument(
        "--custom-objects", metavar="FILE.py", help="a script of yours, which is run, with the classes that SRC needs"
    )
    convert.add_argument(
        "--unsafe", action="store_true", help="run the Python bytecode of Lambda layers in SRC; only if you trust it"
    )
    convert.set_defaults(parser=convert, action=_convert)


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="list what of Keras scripts use, what of that is missing, and its spelling today",
        description="Read scripts, without running them: which names and arguments of Keras they use, what of that "
        "this package lacks, and how Keras 3 spells what is old. The exit status is 1 if anything is missing.",
    )
    check.add_argument("paths", nargs="+", metavar="SCRIPT", help="scripts, notebooks (.ipynb), or folders of them")
    check.add_argument("--dialect", choices=config.DIALECTS, help="the Keras of the scripts; guessed if left out")
    check.add_argument("--json", action="store_true", help="print JSON, for scripts, with all names")
    check.set_defaults(parser=check, action=_check)


def _check(options: argparse.Namespace) -> int:
    from keras_torch.dropin.check import check

    reports = check(options.paths, options.dialect)
    if options.json:
        print(json.dumps([report.to_dict() for report in reports], indent=2))
    else:
        print("\n".join(map(str, reports)))
    return int(not all(report.ok for report in reports))


def _convert(options: argparse.Namespace) -> None:
    from keras_torch.saving import convert

    names = json.loads(Path(options.names).read_text(encoding="utf-8")) if options.names else None
    convert(
        options.source,
        options.target,
        architecture=options.architecture,
        weights_only=options.weights_only,
        include_optimizer=not options.no_optimizer,
        custom_objects=_custom_objects(options.custom_objects) if options.custom_objects else None,
        safe_mode=not options.unsafe,
        overwrite=options.overwrite,
        module=_torch_module(options.module) if options.module else None,
        names=names,
    )


def _custom_objects(path: str) -> dict[str, Any]:
    """Run a script of the user's, in which `keras` means this library, and return its classes and functions."""
    from keras_torch import dropin

    with dropin.install():
        found = runpy.run_path(path)
    return {name: item for name, item in found.items() if callable(item) and not name.startswith("_")}


def _torch_module(path: str) -> Any:
    """Run a script of the user's, and return its module."""
    import torch

    found = runpy.run_path(path).get("module")
    if not isinstance(found, torch.nn.Module):
        raise TypeError(f"{path} must have a variable `module` with a torch.nn.Module. Received: {found!r}")
    return found


def _inspect(options: argparse.Namespace) -> None:
    from keras_torch.saving import inspect

    found = inspect(options.file)
    print(json.dumps(found.to_dict(), indent=2) if options.json else found)


def _report_errors(options: argparse.Namespace) -> int:
    """Do something with files; what is wrong with them is told in one paragraph, without a traceback."""
    status = 0
    try:
        status = options.action(options) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, OSError, ImportError, NotImplementedError) as error:
        print(f"keras-torch {options.command}: {error}", file=sys.stderr)
        return 1
    return status


_FLAGS = ("-h", "--help", "--no-era", "--real-tensorflow", "--shard", "--zero")


def _split_module(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Keep what follows `-m MODULE` from being read as our options."""
    arguments = list(arguments)
    if arguments[:1] == ["run"]:
        index = 1
        while index < len(arguments) and arguments[index].startswith("-"):
            if arguments[index] == "-m":
                return arguments[: index + 2], arguments[index + 2 :]
            index += 1 if "=" in arguments[index] or arguments[index] in _FLAGS else 2
    return arguments, []


def _run_file(path: Path, arguments: Sequence[str]) -> Callable[[], object]:
    """Return a function that runs a file as `python FILE ARGS` would."""
    from keras_torch.dropin import child

    with io.open_code(str(path)) as file:
        source = file.read()
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=str(path), __builtins__=__builtins__, __cached__=None, __spec__=child.spec_of(path))
    sys.modules["__main__"] = module
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    return lambda: exec(compile(source, str(path), "exec"), module.__dict__)


def _run_module(name: str, arguments: Sequence[str]) -> Callable[[], object]:
    """Return a function that runs a module as `python -m NAME ARGS` would."""
    from keras_torch.dropin import child

    sys.argv = [name, *arguments]
    sys.path.insert(0, os.getcwd())

    def start() -> None:
        spec, code = child.module_code(name)
        module = types.ModuleType("__main__")
        module.__dict__.update(child.main_names(spec), __builtins__=__builtins__, __spec__=child.spec_of_module(spec))
        sys.modules["__main__"] = module
        sys.argv[0] = spec.origin or name
        exec(code, module.__dict__)

    return start


def _without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Drop the frames on top that belong to this command, so that a traceback begins in the script."""
    own = (__file__, "<frozen runpy>", runpy.__file__)
    current = traceback
    while current is not None and current.tb_frame.f_code.co_filename in own:
        current = current.tb_next
    return current


def _execute(start: Callable[[], object]) -> int:
    """Run the script; report an uncaught exception as Python does, and return the exit status."""
    try:
        start()
    except SystemExit:
        raise
    except BaseException as error:
        trimmed = _without_own_frames(error.__traceback__)
        if worker.launched():
            return worker.report(error, trimmed)
        sys.excepthook(type(error), error.with_traceback(trimmed), trimmed)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _process_count(options: argparse.Namespace) -> int | None:
    """Return how many processes are asked for on this machine, None for this one alone."""
    parser: argparse.ArgumentParser = options.parser
    if options.gpus is not None and options.processes is not None:
        parser.error("--gpus and --processes exclude each other: processes are on GPUs, or on the CPU.")
    if options.processes is not None and options.processes < 1:
        parser.error(f"--processes {options.processes}: expected the number of processes, 1 or more.")
    wrong = None if options.gpus is None else launch.check_gpus(options.gpus)
    if wrong:
        parser.error(wrong)
    count = options.processes or options.gpus
    alone = options.nodes == "1" and not options.max_restarts
    if count is None and not alone:
        parser.error("--nodes and --max-restarts need --gpus N or --processes N, the number on each machine.")
    if options.shard and options.zero:
        parser.error("--shard and --zero exclude each other: --shard keeps parts of all that --zero does, and weights.")
    if (options.shard or options.zero) and count is None:
        parser.error("--shard and --zero need --gpus N or --processes N, the processes that each keep a part.")
    return None if count in (None, 1) and alone else count


def _launch(options: argparse.Namespace, count: int, script: Path | None, arguments: list[str]) -> int:
    """Start this command again, as so many processes."""
    command = ["run"]
    for name in ("dialect", "image_data_format"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name.replace('_', '-')}", value]
    command += ["--no-era"] if options.no_era else []
    command += ["--real-tensorflow"] if options.real_tensorflow else []
    command += ["-m", options.module] if script is None else [str(script)]
    return launch.launch(options, count, [*command, *arguments])


def _run(options: argparse.Namespace, module_arguments: list[str]) -> int:
    parser: argparse.ArgumentParser = options.parser
    count = _process_count(options)
    arguments = [*options.rest, *module_arguments]
    script: Path | None = None
    if options.module is None:
        if not arguments:
            parser.error("a script, or -m MODULE, is missing")
        script = Path(arguments.pop(0))
        if script.is_dir() and (script / "__main__.py").is_file():
            script = script / "__main__.py"
        if not script.is_file():
            parser.error(f"there is no script {str(script)!r}")

    if count is not None and not worker.launched():
        return _launch(options, count, script, arguments)

    from keras_torch import dropin
    from keras_torch.dropin import child, guess

    if worker.launched():
        worker.begin()
    if script is not None:
        start = _run_file(script, arguments)
        source: Path | None = script
    else:
        start = _run_module(options.module, arguments)
        source = guess.module_file(options.module)
    dialect = options.dialect or config.dialect() or (guess.guess_dialect(source) if source else None)
    era = dialect in ("1", "2") and not options.no_era
    if options.real_tensorflow:
        os.environ[dropin.TENSORFLOW_VARIABLE] = "real"
    dropin.install(dialect, era=era)
    child.describe(script, options.module, dialect, era)
    if options.image_data_format:
        config.set_image_data_format(options.image_data_format)
    return _execute(start)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    own, module_arguments = _split_module(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(own)
    if options.command == "run":
        return _run(options, module_arguments)
    return _report_errors(options)
