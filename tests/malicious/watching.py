"""Watching a piece of reading: what it opens, imports and runs, how much memory and time it takes, how it ends."""

import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings

# A load needs far less; what asks for more gets a MemoryError, or torch's own error.
MEMORY = 2**30
SECONDS = 60
# How a load may end: errors of the types that Keras raises.
ALLOWED = (ValueError, TypeError, OSError, NotImplementedError, ImportError)
_RUNS = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "os.fork",
    "socket.",
    "urllib.",
    "ctypes.",
)
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "shutil.")
# Not to be asked for while a file is opened: it may be looked for just then.
_TEMPORARY = tempfile.gettempdir()
_events: list[str] | None = None
_allowed_files: set[str] = set()


class Harm(BaseException):
    """Reading did what no file may make it do."""


def _hook(event, arguments):
    if _events is None:
        return
    if _is_harm(event, arguments) and not _removes_a_tree():
        _events.append(f"{event} {arguments!r}"[:300])


def _removes_a_tree():
    """Whether `shutil.rmtree` is at work, which names files relative to open folders; of where it began it tells."""
    code = sys._getframe(2).f_code
    return code.co_filename == shutil.__file__ and code.co_name.startswith("_rmtree")


def _is_harm(event, arguments):
    if event == "marshal.loads":
        return not sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")
    if event.startswith(_RUNS) or event in ("pickle.find_class", "code.__new__"):
        return True
    if event.startswith(_CHANGES) or (event == "open" and isinstance(arguments[0], (str, bytes))):
        return not _is_allowed(arguments[0])
    return event == "exec" and not _is_own(arguments[0])


def _is_allowed(path):
    if isinstance(path, int):
        return True
    path = os.fsdecode(path)
    inside = (os.path.realpath(path), path)
    if any(item.startswith(root) for item in inside for root in _allowed_files):
        return True
    # Modules of ours and of torch are imported where they are first used.
    library = path.endswith((".py", ".pyc", ".so")) and path.startswith((sys.prefix, sys.base_prefix, _ROOT))
    settings = ("/proc/meminfo", "/dev/urandom", os.path.expanduser("~/.keras/keras.json"), _TEMPORARY)
    return library or path in settings or path.startswith("/sys/fs/cgroup/")


def _is_own(code):
    """Whether code stems from a module, or from what dataclasses, torch.fx and namedtuples generate."""
    name = code.co_filename
    return (
        name.startswith((sys.prefix, sys.base_prefix, _ROOT, "<frozen", "<eval_with_key>", "<_remote_module"))
        or name == "<string>"
    )


_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.addaudithook(_hook)


@contextlib.contextmanager
def _limits():
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    before = signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_slow(*_):
    raise Harm(f"reading took more than {SECONDS} s")


def attempt(load, *folders):
    """Call `load`; return its result, or the error that it ended with, which is of a type that Keras raises.

    Harm is raised for everything else: other errors, files opened outside of `folders`, code that ran.
    """
    global _events
    _allowed_files.clear()
    _allowed_files.update(os.path.realpath(folder) for folder in folders)
    events: list[str] = []
    try:
        with warnings.catch_warnings(), _limits():
            warnings.simplefilter("ignore")
            _events = events
            try:
                result = load()
            finally:
                _events = None
    except ALLOWED as error:
        result = error
        if not str(error) or isinstance(error, RecursionError):
            raise Harm(f"an error that says nothing: {error!r}") from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise Harm(f"{type(error).__name__} from deep inside ({last.filename}:{last.lineno}): {error}") from error
    if events:
        raise Harm(f"reading did: {events[:5]}")
    return result
