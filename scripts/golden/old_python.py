"""What Keras 1.2.2 and 2.2.4 on Theano need of a Python of today; see saving_h5_classic.py for how to install them."""

from __future__ import annotations

import collections
import inspect
import os
import sys


def restore() -> None:
    """Give Keras and Theano the names that later versions of Python and Theano took away."""
    spec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")
    full = inspect.getfullargspec
    inspect.getargspec = lambda function: spec(*full(function)[:4])
    for name in ("Iterable", "Mapping", "Sequence", "Callable", "MutableMapping", "Hashable"):
        setattr(collections, name, getattr(collections.abc, name))
    os.environ.update(
        KERAS_BACKEND="theano", THEANO_FLAGS="device=cpu,floatX=float32,optimizer=fast_compile,blas__ldflags="
    )
    import theano.ifelse  # noqa: F401
    import theano.sandbox.rng_mrg as generators

    generators.MRG_RandomStreams = generators.MRG_RandomStream
    sys.modules["theano.scan.scan_perform_ext"] = None  # its C code is too old; Theano then loops in Python
