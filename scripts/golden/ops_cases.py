"""Calls of every function of `keras.ops`, of quantizers and of boxes, as expressions, and the arrays they name.

An array's name has a letter for its dtype and its sizes: `f234` is float32 of shape (2, 3, 4), `f4_b` another of (4,).
`TYPES` and `WIDE` are arrays of dtypes of up to 32 and of 64 bits. Draws depend on the name alone.
"""

import re
import zlib

import numpy as np
from ops_listed import LISTED

KINDS = {
    "f": "float32",  # normal
    "p": "float32",  # between 0.1 and 0.9
    "d": "float64",
    "h": "float16",
    "i": "int32",
    "n": "int32",  # with negative numbers
    "l": "int64",
    "s": "int8",
    "k": "int16",
    "u": "uint8",
    "t": "bool",
    "c": "complex64",
    "z": "float32",  # with NaN
    "w": "float32",  # with infinities and NaN
    "m": "float32",  # positive definite matrices
    "x": "float32",  # images between 0 and 1
}
NAME = re.compile(r"\b([a-z])(\d+)(_[a-z]\w*)?\b")
TYPES = "t3 u3 s3 k3 i3 h3 f3".split()
WIDE = "l3 d3".split()
BOXES = np.array([[10.0, 20, 30, 50], [0, 0, 5, 8], [12, 18, 40, 60]], "float32")
BOX_FORMATS = "xyxy yxyx xywh center_xywh center_yxhw rel_xyxy rel_yxyx rel_xywh rel_center_xywh".split()
SQUARE = [[0.0, 0], [0, 3], [3, 0], [3, 3]]


def array(name):
    """Return the array of a name, or None."""
    found = NAME.fullmatch(name)
    if not found or found[1] not in KINDS:
        return None
    kind, shape = found[1], tuple(int(size) for size in found[2])
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if kind in "px":
        values = rng.uniform(0.1, 0.9, shape).round(2)
    elif kind == "t":
        values = rng.integers(0, 2, shape)
    elif kind in "ns":
        values = rng.integers(-4, 5, shape)
    elif kind in "iklu":
        values = rng.integers(1, 6, shape)
    elif kind == "m":
        half = rng.normal(size=shape).round(1)
        values = half @ np.swapaxes(half, -1, -2) + 2 * np.eye(shape[-1])
    elif kind == "c":
        values = rng.normal(size=shape).round(2) + 1j * rng.normal(size=shape).round(2)
    else:
        values = np.asarray(rng.normal(size=shape).round(2))
        if kind in "zw":
            values.flat[1] = np.nan
        if kind == "w":
            values.flat[0], values.flat[2] = np.inf, -np.inf
    return np.asarray(values).astype(KINDS[kind])


def evaluate(expression, ops, convert, **modules):
    """Return the value of an expression, with the functions of `ops`, on tensors as `convert` makes them of arrays."""
    known = {name: getattr(ops, name) for name in dir(ops) if not name.startswith("_")}
    for found in NAME.finditer(expression):
        values = array(found[0])
        if values is not None:
            known[found[0]] = convert(values)
    if "TYPES" in expression or "WIDE" in expression:
        known["TYPES"] = [convert(array(name)) for name in TYPES]
        known["WIDE"] = [convert(array(name)) for name in WIDE]
    known["BOXES"] = convert(BOXES)
    return eval(
        expression,
        {
            **known,
            **modules,
            "BOX_FORMATS": BOX_FORMATS,
            "np": np,
            "part": slice,
            "inf": np.inf,
            "nan": np.nan,
            "SQUARE": SQUARE,
        },
    )


ANY = "abs absolute negative square sign signbit isfinite isinf isnan isneginf isposinf isreal ravel size ndim shape"
ANY += " ones_like zeros_like copy array transpose nan_to_num trunc round floor ceil logical_not relu relu6"
ANY += " conj conjugate real imag angle fabs dtype"
SMOOTH = "exp exp2 expm1 sin cos tan sinh cosh tanh arctan arcsinh sinc deg2rad rad2deg erf erfc i0 cbrt reciprocal"
SMOOTH += " sigmoid silu swish softplus softsign elu selu celu gelu leaky_relu log_sigmoid log_softmax softmax"
SMOOTH += " hard_sigmoid hard_silu hard_swish hard_tanh hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid"
SMOOTH += " sparsemax squareplus stop_gradient logsumexp mean var std median"
POSITIVE = "sqrt rsqrt log log10 log1p log2 arccos arcsin arctanh erfinv"
TWO = "add subtract multiply divide true_divide divide_no_nan floor_divide mod fmod power maximum minimum fmax fmin"
TWO += " equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor arctan2 hypot"
TWO += " logaddexp logaddexp2 isclose allclose heaviside outer inner dot vdot kron"
WHOLE = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm"
REDUCE = "sum prod max min amax amin mean var std median any all logsumexp ptp nansum nanprod nanmax nanmin nanmean"
REDUCE += " nanstd nanvar nanmedian argmax argmin nanargmax nanargmin"
NAN = "nansum nanprod nanmax nanmin nanmean nanstd nanvar nanmedian nanargmax nanargmin"
ONE_AXIS = {"argmax", "argmin", "nanargmax", "nanargmin"}
POOL = "max_pool average_pool"


def _tables():
    for name in ANY.split():
        yield from (f"{name}({x})" for x in ("f23", "n23", "t23"))
        if name != "dtype":
            yield f"[dtype({name}(x)) for x in TYPES]" if name not in ("ndim", "shape", "size") else f"{name}(f234)"
    for name in SMOOTH.split():
        yield from (f"{name}({x})" for x in ("f23", "n23"))
        yield f"[dtype({name}(x)) for x in TYPES if dtype(x) != 'bool']"
    for name in POSITIVE.split():
        yield from (f"{name}({x})" for x in ("p23", "i23 * 0 + 1"))
        yield f"[dtype({name}(x)) for x in TYPES]"
    for name in "real imag angle conj conjugate abs square negative exp isreal".split():
        yield f"{name}(c23)"
    for name in "isfinite isinf isnan isneginf isposinf nan_to_num sign signbit round floor trunc".split():
        yield f"{name}(w23)"
    for name in TWO.split():
        vector = name in ("dot", "inner", "vdot", "outer", "kron")
        yield f"{name}(f3, f3_b)"
        yield f"{name}(i3, i3_b)"
        yield f"{name}(f3, i3)"
        if name not in ("vdot", "kron", "heaviside"):
            yield f"{name}(i3, 2)" if not vector or name == "outer" else f"{name}(f23, f3)"
            yield f"{name}(f3, 2)" if not vector or name == "outer" else f"{name}(f23, f23)" if name == "inner" else ""
        if not vector:
            yield f"{name}(f23, f3)"
            yield f"{name}(f21, f13)"
        signed = name in ("subtract", "mod", "fmod", "floor_divide", "heaviside")
        kept = " if 'bool' not in (dtype(x), dtype(y))" if signed else ""
        if name not in ("power", "hypot", "isclose", "allclose", "kron"):
            yield f"[dtype({name}(x, y)) for x in TYPES for y in TYPES{kept}]"
            yield f"[dtype({name}(x, y)) for x in WIDE for y in TYPES[1:]]"
    for name in ("add", "multiply", "maximum", "divide", "power"):
        yield f"[dtype({name}(x, y)) for x in TYPES[1:] for y in (2, 2.5)]"
        yield f"[dtype({name}(y, x)) for x in TYPES[1:] for y in (2, 2.5)]"
    for name in WHOLE.split():
        yield from (f"{name}(i3, i3_b)", f"{name}(l23, i3)", f"{name}(i23, 2)", f"{name}(u3, u3_b)")
    for name in REDUCE.split():
        second = "-1" if name in ONE_AXIS else "(0, 2)"
        yield from (f"{name}(f234)", f"{name}(f234, axis=1)", f"{name}(f234, axis={second}, keepdims=True)")
        yield from (f"{name}(n23, axis=-1)", f"{name}(i23)", f"{name}(f23, keepdims=True)")
        yield f"[dtype({name}(x)) for x in TYPES if dtype(x) != 'bool']"
    for name in NAN.split():
        yield from (f"{name}(z23)", f"{name}(z23, axis=1)", f"{name}(z23, axis=0, keepdims=True)")
    for name in ("quantile", "nanquantile", "percentile", "nanpercentile"):
        q = "0.3" if "quant" in name else "30"
        many = "[0.2, 0.5]" if "quant" in name else "[20, 50]"
        yield from (f"{name}(f234, {q})", f"{name}(f234, {q}, axis=1)", f"{name}(f234, {many}, axis=(0, 2))")
        for method in ("lower", "higher", "midpoint", "nearest"):
            yield f"{name}(f34, {q}, axis=0, method='{method}')"
        yield from (f"{name}(f34, {many}, axis=-1, keepdims=True)", f"{name}(i34, {q}, axis=1)")
    for name in ("cumsum", "cumprod", "nancumsum", "nancumprod"):
        yield from (f"{name}(f23)", f"{name}(f23, axis=0)", f"{name}(n23, axis=-1)", f"{name}(f23, dtype='float16')")
        yield f"[dtype({name}(x)) for x in TYPES]"
    yield from ("nancumsum(z23, axis=1)", "nancumprod(z23)")
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        yield from (f"{name}(5)", f"{name}(1)")
    for name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):
        yield f"{name}(f42, array([0, 2, 0, 2]))"
        yield f"{name}(f42, array([0, 0, 1, 1]), num_segments=3, sorted=True)"
        yield f"{name}(i4, array([1, 0, 1, 2]), num_segments=4)"
    for name in POOL.split():
        yield from (f"{name}(f142, 2)", f"{name}(f1452, (2, 3), padding='same')", f"{name}(f1452, 2, strides=1)")
        yield from (f"{name}(f1254, 2, padding='same', data_format='channels_first')", f"{name}(f14442, 2)")
        yield f"{name}(f1552, 3, strides=2, padding='same')"
    for name in ("adaptive_average_pool", "adaptive_max_pool"):
        yield from (f"{name}(f152, 3)", f"{name}(f1562, (2, 3))", f"{name}(f1266, 2, data_format='channels_first')")
        yield f"{name}(f14442, 2)"


def unknown_first(expression, symbolic_tensor):
    """Return a function from arrays to symbolic tensors, the first size of the first, and of its like, unknown.

    None if no array of the expression has several axes.
    """
    if "TYPES" in expression or "empty" in expression:
        return None
    named = [array(name[0]) for name in NAME.finditer(expression)]
    first = next((values for values in named if values is not None), None)
    if first is None or first.ndim < 2:
        return None

    def convert(values):
        alike = values.ndim == first.ndim and len(values) == len(first)
        return symbolic_tensor((None if alike else len(values), *values.shape[1:]), values.dtype.name)

    return convert


def expressions():
    """Return all cases, once each."""
    listed = [part.strip() for line in LISTED.strip().splitlines() for part in line.split(";")]
    found = [item for item in [*_tables(), *listed] if item]
    return list(dict.fromkeys(found))
