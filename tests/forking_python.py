"""A Python that imports keras_torch once, and forks for each command: it begins as with `python -m`, but at once."""

import json
import os
import runpy
import sys


def become(arguments, folder, environment, outputs):
    """Turn this process into one that was started with these arguments, there and so."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["-m", *arguments]
    sys.path[0] = folder


if __name__ == "__main__":
    # The second and third are what the command imports when asked for a script.
    from keras_torch import cli, dropin, saving  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(*json.loads(line))
            runpy.run_module("keras_torch", run_name="__main__", alter_sys=True)
            break
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
