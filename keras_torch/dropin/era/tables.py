"""What libraries beside Keras no longer have → where it is today, as `module:name`.

Functions of ours stand in where nothing of today does the same. Facts: numpy up to 1.19, scipy up to 1.2, scikit-learn
up to 0.19, pandas up to 0.24, h5py up to 2.9, Pillow up to 6, and the standard library of Python 2.7 to 3.6.
"""

from __future__ import annotations

_OURS = "keras_torch.dropin.era"


def _same(module: str, names: str) -> dict[str, str]:
    return {name: f"{module}:{name}" for name in names.split()}


BUILTINS = {
    "basestring": "builtins:str",
    "intern": "sys:intern",
    "long": "builtins:int",
    "raw_input": "builtins:input",
    "reduce": "functools:reduce",
    "reload": "importlib:reload",
    "unichr": "builtins:chr",
    "unicode": "builtins:str",
    "xrange": "builtins:range",
}

_NUMPY = {
    **_same("builtins", "bool int float complex object str"),
    **dict.fromkeys(("Inf", "Infinity", "infty", "PINF"), "math:inf"),
    **dict.fromkeys(("NaN", "NAN"), "math:nan"),
    **_same(f"{_OURS}.arrays", "NINF NZERO PZERO asscalar asfarray find_common_type rank sctypes"),
    "alltrue": "numpy:all",
    "bool8": "numpy:bool_",
    "cfloat": "numpy:complex128",
    "clongfloat": "numpy:clongdouble",
    "complex_": "numpy:complex128",
    "cumproduct": "numpy:cumprod",
    "float_": "numpy:float64",
    "in1d": f"{_OURS}.arrays:in1d",
    "int0": "numpy:intp",
    "issubclass_": "builtins:issubclass",
    "issubsctype": "numpy:issubdtype",
    "loads": "pickle:loads",
    "long": "builtins:int",
    "longcomplex": "numpy:clongdouble",
    "longfloat": "numpy:longdouble",
    "mat": "numpy:asmatrix",
    "msort": f"{_OURS}.arrays:msort",
    "object0": "numpy:object_",
    "product": "numpy:prod",
    "round_": "numpy:round",
    "row_stack": "numpy:vstack",
    "singlecomplex": "numpy:complex64",
    "sometrue": "numpy:any",
    "source": "inspect:getsource",
    "str0": "numpy:str_",
    "string_": "numpy:bytes_",
    "trapz": "numpy:trapezoid",
    "uint0": "numpy:uintp",
    "unicode": "builtins:str",
    "unicode_": "numpy:str_",
}

_IMAGES = _same(f"{_OURS}.images", "bytescale fromimage imread imresize imrotate imsave imshow toimage")
_SPLITS = _same(
    f"{_OURS}.sklearn_splits",
    "KFold LabelKFold LeaveOneLabelOut LeaveOneOut LeavePOut LeavePLabelOut PredefinedSplit ShuffleSplit "
    "StratifiedKFold StratifiedShuffleSplit LabelShuffleSplit",
)

NAMES: dict[str, dict[str, str]] = {
    "PIL.Image": {
        "ANTIALIAS": "PIL.Image:Resampling.LANCZOS",
        "CUBIC": "PIL.Image:Resampling.BICUBIC",
        "LINEAR": "PIL.Image:Resampling.BILINEAR",
    },
    "collections": _same(
        "collections.abc",
        "Awaitable AsyncGenerator AsyncIterable AsyncIterator ByteString Callable Collection Container Coroutine "
        "Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping MutableSequence "
        "MutableSet Reversible Sequence Set Sized ValuesView",
    ),
    "fractions": {"gcd": "math:gcd"},
    "inspect": {
        "ArgSpec": f"{_OURS}.python:ArgSpec",
        "getargspec": f"{_OURS}.python:getargspec",
        "getmoduleinfo": "inspect:getmodulename",
    },
    "itertools": {
        "ifilter": "builtins:filter",
        "ifilterfalse": "itertools:filterfalse",
        "imap": "builtins:map",
        "izip": "builtins:zip",
        "izip_longest": "itertools:zip_longest",
    },
    "matplotlib.pyplot": {"hold": f"{_OURS}.python:accept", "ishold": f"{_OURS}.python:accept"},
    "numpy": _NUMPY,
    "os": {"errno": "errno", "getcwdu": "os:getcwd"},
    "pandas": {
        "datetime": "datetime:datetime",
        "scatter_matrix": "pandas.plotting:scatter_matrix",
        **_same(f"{_OURS}.frames", "rolling_max rolling_mean rolling_median rolling_min rolling_std rolling_sum"),
    },
    "scipy": _same("numpy", "array zeros ones arange linspace mean std exp log sqrt dot sin cos pi random eye where"),
    "scipy.integrate": {
        "cumtrapz": "scipy.integrate:cumulative_trapezoid",
        "simps": "scipy.integrate:simpson",
        "trapz": "scipy.integrate:trapezoid",
    },
    "scipy.linalg": {"pinv2": "scipy.linalg:pinv"},
    "scipy.misc": {
        **_IMAGES,
        **_same("scipy.special", "comb factorial factorial2 factorialk logsumexp"),
        **_same("scipy.datasets", "ascent electrocardiogram face"),
        "derivative": f"{_OURS}.arrays:derivative",
    },
    "scipy.ndimage": {"imread": f"{_OURS}.images:imread"},
    "scipy.signal": _same(
        "scipy.signal.windows",
        "bartlett blackman blackmanharris bohman boxcar chebwin cosine exponential flattop gaussian general_gaussian "
        "hamming hann kaiser nuttall parzen triang tukey",
    )
    | {"hanning": "scipy.signal.windows:hann"},
    "sklearn.cross_validation": {
        **_SPLITS,
        **_same("sklearn.model_selection", "check_cv cross_val_predict cross_val_score train_test_split"),
        "permutation_test_score": "sklearn.model_selection:permutation_test_score",
    },
    "sklearn.grid_search": _same(f"{_OURS}.sklearn_search", "GridSearchCV RandomizedSearchCV"),
    "sklearn.lda": {"LDA": "sklearn.discriminant_analysis:LinearDiscriminantAnalysis"},
    "sklearn.preprocessing": {"Imputer": f"{_OURS}.sklearn_search:Imputer"},
    "sklearn.qda": {"QDA": "sklearn.discriminant_analysis:QuadraticDiscriminantAnalysis"},
    "string": {
        **_same(f"{_OURS}.python", "atoi join lower maketrans replace split strip upper"),
        "atof": "builtins:float",
        "atol": f"{_OURS}.python:atoi",
        "letters": "string:ascii_letters",
        "lowercase": "string:ascii_lowercase",
        "uppercase": "string:ascii_uppercase",
    },
    "sys": {"maxint": "sys:maxsize", "setdefaultencoding": f"{_OURS}.python:setdefaultencoding"},
    "time": {"clock": "time:process_time"},
    "urllib": {
        **_same("urllib.parse", "quote quote_plus unquote unquote_plus urlencode"),
        **_same("urllib.request", "URLopener FancyURLopener pathname2url url2pathname urlcleanup urlopen urlretrieve"),
    },
    "urllib2": {
        **_same("urllib.error", "HTTPError URLError"),
        **_same("urllib.parse", "quote unquote urlparse"),
    },
    "StringIO": {"StringIO": f"{_OURS}.python:StringIO"},
    "cStringIO": {"StringIO": f"{_OURS}.python:StringIO"},
    "cPickle": _same(f"{_OURS}.python", "Unpickler load loads"),
}

# Modules that are gone → the module that has the rest of their names ("": the names above are all).
MODULES = {
    "ConfigParser": "configparser",
    "HTMLParser": "html.parser",
    "Image": "PIL.Image",
    "Queue": "queue",
    "StringIO": "",
    "__builtin__": "builtins",
    "cPickle": "pickle",
    "cStringIO": "",
    "commands": "subprocess",
    "copy_reg": "copyreg",
    "distutils": "setuptools._distutils",
    "distutils.version": "setuptools._distutils.version",
    "httplib": "http.client",
    "imp": "importlib",
    "scipy.misc": "",
    "sklearn.cross_validation": "",
    "sklearn.externals": "",
    "sklearn.externals.joblib": "joblib",
    "sklearn.externals.six": "six",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.lda": "",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.manifold.t_sne": "sklearn.manifold",
    "sklearn.qda": "",
    "thread": "_thread",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
    "xml.etree.cElementTree": "xml.etree.ElementTree",
}

# Modules of which something that exists answers old calls as well: functions of the module and a setter.
CHANGES = {
    "PIL.ImageDraw": f"{_OURS}.images:change_draw",
    "PIL.ImageFont": f"{_OURS}.images:change_fonts",
    "h5py": f"{_OURS}.files:change_h5py",
    "numpy": f"{_OURS}.arrays:change",
    "pandas": f"{_OURS}.frames:change",
    "re": f"{_OURS}.python:change_re",
    "sklearn.preprocessing": f"{_OURS}.sklearn_arguments:change_preprocessing",
    "sklearn.utils.class_weight": f"{_OURS}.sklearn_arguments:change_class_weight",
    "yaml": f"{_OURS}.files:change_yaml",
}

WATCHED = frozenset({*NAMES, *CHANGES})
