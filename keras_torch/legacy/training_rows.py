"""Translation tables of everything that is no layer: optimizers, callbacks, initializers, methods of Model, helpers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch.legacy import generators
from keras_torch.legacy.rows import ANY, OMIT, Refused, Row

_KERAS_1_2 = ("1", "2")
_LR = {"lr": "learning_rate"}


def _optimizer_row(*after_rate: str, defaults: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Row:
    """Row of an optimizer whose Keras 1 and 2 order was the rate, then `after_rate`."""
    return Row(
        renamed=_LR,
        orders=dict.fromkeys(_KERAS_1_2, ("lr", *after_rate)),
        shared=frozenset(_LR),
        defaults=defaults or {},
        **more,
    )


def _classic(**both: Any) -> dict[str, dict[str, Any]]:
    """Defaults of Keras 1 and 2; Keras 1 had an epsilon of 1e-8 throughout."""
    return {"1": {**both, "epsilon": 1e-8}, "2": both}


OPTIMIZERS: dict[str, Row] = {
    "SGD": _optimizer_row("momentum", "decay", "nesterov"),
    "RMSprop": _optimizer_row(
        "rho", "epsilon", "decay", defaults={**_classic(), "tf": {"ema_overwrite_frequency": 100}}
    ),
    "Lion": Row(renamed=_LR, shared=frozenset(_LR), defaults={"tf": {"learning_rate": 0.0001}}),
    "LossScaleOptimizer": Row(orders={"tf": ("inner_optimizer", "dynamic", "initial_scale", "dynamic_growth_steps")}),
    "Adagrad": _optimizer_row("epsilon", "decay", defaults=_classic(learning_rate=0.01, initial_accumulator_value=0.0)),
    "Adadelta": _optimizer_row("rho", "epsilon", "decay", defaults=_classic(learning_rate=1.0)),
    "Adam": _optimizer_row("beta_1", "beta_2", "epsilon", "decay", "amsgrad", defaults=_classic()),
    "Adamax": _optimizer_row("beta_1", "beta_2", "epsilon", "decay", defaults=_classic(learning_rate=0.002)),
    "Nadam": _optimizer_row(*("beta_1", "beta_2", "epsilon", "schedule_decay"), defaults=_classic(learning_rate=0.002)),
}


CALLBACKS: dict[str, Row] = {
    "BackupAndRestore": Row(
        orders={"tf": ("backup_dir", "save_freq", "delete_checkpoint", "save_before_preemption")},
    ),
    "ModelCheckpoint": Row(
        orders=dict.fromkeys(
            _KERAS_1_2, ("filepath", "monitor", "verbose", "save_best_only", "save_weights_only", "mode", "period")
        ),
        refused={"options": Refused("files of this package have none; leave it out.")},
    ),
    "TensorBoard": Row(
        orders={
            "1": ("log_dir", "histogram_freq", "write_graph", "write_images"),
            "2": (
                *("log_dir", "histogram_freq", "batch_size", "write_graph", "write_grads", "write_images"),
                *("embeddings_freq", "embeddings_layer_names", "embeddings_metadata", "embeddings_data", "update_freq"),
            ),
        },
    ),
    "ReduceLROnPlateau": Row(
        orders={"1": ("monitor", "factor", "patience", "verbose", "mode", "epsilon", "cooldown", "min_lr")},
        renamed={"epsilon": "min_delta"},
    ),
    "ProgbarLogger": Row(defaults=dict.fromkeys(_KERAS_1_2, {"count_mode": "samples"})),
    "LambdaCallback": Row(
        orders={
            "3": (
                *("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end"),
                *("on_train_batch_begin", "on_train_batch_end"),
            )
        },
    ),
}


def _uniform_scale(bound: dict[str, Any]) -> None:
    if "scale" in bound:
        scale = bound.pop("scale")
        bound.setdefault("minval", -scale)
        bound.setdefault("maxval", scale)


INITIALIZERS: dict[str, Row] = {
    "RandomNormal": Row(renamed={"scale": "stddev"}),
    "RandomUniform": Row(prepare=_uniform_scale),
    "Orthogonal": Row(renamed={"scale": "gain"}, defaults={"1": {"gain": 1.1}}),
    "initializers.Identity": Row(renamed={"scale": "gain"}),
    "VarianceScaling": Row(values={"distribution": {"normal": "truncated_normal"}}),
}

PENALTIES: dict[str, Row] = {
    "L1": Row(renamed={"l": "l1"}, shared=frozenset({"l"})),
    "L2": Row(renamed={"l": "l2"}, shared=frozenset({"l"})),
    "MaxNorm": Row(renamed={"m": "max_value"}),
    "MinMaxNorm": Row(renamed={"low": "min_value", "high": "max_value"}),
}

METRICS: dict[str, Row] = {
    "metrics.KLDivergence": Row(defaults={"tf": {"name": "kullback_leibler_divergence"}}),
}

# Rows of base classes: they hold for every class of the family.
FAMILIES: dict[str, Row] = {
    "Optimizer": Row(
        renamed=_LR,
        values={"epsilon": {None: OMIT}},
        refused={"jit_compile": Refused("updates are compiled with `torch.compile`.", ANY)},
        shared=frozenset(_LR),
    ),
    "Loss": Row(values={"reduction": {"auto": "sum_over_batch_size"}}),
}

_WORKERS = {"max_q_size": "max_queue_size", "nb_worker": "workers", "pickle_safe": "use_multiprocessing"}
_ACCURACY = Refused("pass `metrics=['accuracy']` to `compile`.", (None, False), dropped=("1",))
_SHOW_ACCURACY = {"show_accuracy": _ACCURACY}


def _metrics_third(bound: dict[str, Any]) -> None:
    """`compile(optimizer, loss, ["acc"])`: Keras 3 put `loss_weights` third, but names can only be metrics."""
    value = bound.get("loss_weights")
    items = value if isinstance(value, list | tuple) else [value]
    if value is not None and all(isinstance(item, str) or callable(item) for item in items):
        bound["loss_weights"], bound["metrics"] = bound.get("metrics"), value


METHODS: dict[str, Row] = {
    "Model": Row(renamed={"input": "inputs", "output": "outputs"}),
    "Sequential": Row(orders=dict.fromkeys(("1", "2", "tf"), ("layers", "name"))),
    **dict.fromkeys(("Sequential.predict_classes", "Sequential.predict_proba"), Row(defaults={"1": {"verbose": 1}})),
    "Model.compile": Row(
        orders={
            "1": ("optimizer", "loss", "metrics", "loss_weights", "sample_weight_mode"),
            "2": (
                *("optimizer", "loss", "metrics", "loss_weights", "sample_weight_mode", "weighted_metrics"),
                "target_tensors",
            ),
            "tf": (
                *("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics", "run_eagerly"),
                *("steps_per_execution", "jit_compile"),
            ),
        },
        refused={
            "sample_weight_mode": Refused("pass sample weights of the target's shape.", (None, "temporal")),
            "class_mode": Refused("the loss tells it.", ANY),
            "experimental_run_tf_function": Refused("it chose between equal computations.", ANY),
            "pss_evaluation_shards": Refused("parameter servers do not exist here.", (0, None)),
        },
        prepare=_metrics_third,
    ),
    "Model.fit": Row(
        renamed={"nb_epoch": "epochs", "X": "x", **_WORKERS},
        defaults={"1": {"epochs": 10, "verbose": 1}, "2": {"verbose": 1}},
        refused=_SHOW_ACCURACY,
    ),
    "Model.evaluate": Row(
        renamed={"X": "x", **_WORKERS},
        defaults=dict.fromkeys(_KERAS_1_2, {"verbose": 1}),
        refused=_SHOW_ACCURACY,
    ),
    "Model.predict": Row(renamed={"X": "x", **_WORKERS}, defaults=dict.fromkeys(_KERAS_1_2, {"verbose": 0})),
    **dict.fromkeys(
        ("Model.train_on_batch", "Model.test_on_batch"), Row(renamed={"X": "x"}, refused={"accuracy": _ACCURACY})
    ),
    "Model.fit_generator": Row(
        renamed={"nb_epoch": "epochs", **_WORKERS},
        orders={
            "1": (
                *("generator", "samples_per_epoch", "nb_epoch", "verbose", "callbacks", "validation_data"),
                *("nb_val_samples", "class_weight", "max_q_size", "nb_worker", "pickle_safe", "initial_epoch"),
            ),
            "2": (
                *("generator", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data"),
                *("validation_steps", "class_weight", "max_queue_size", "workers", "use_multiprocessing"),
                *("shuffle", "initial_epoch"),
            ),
        },
        refused={**_SHOW_ACCURACY, "nb_val_worker": Refused("`nb_worker` serves both.", ANY)},
        prepare=generators.fit_steps,
    ),
    **dict.fromkeys(
        ("Model.evaluate_generator", "Model.predict_generator"),
        Row(
            renamed=_WORKERS,
            orders={
                "1": ("generator", "val_samples", "max_q_size", "nb_worker", "pickle_safe"),
                "2": ("generator", "steps", "max_queue_size", "workers", "use_multiprocessing", "verbose"),
            },
            refused=_SHOW_ACCURACY,
            prepare=generators.evaluation_steps,
        ),
    ),
    "GeneratorEnqueuer": Row(
        renamed={"pickle_safe": "use_multiprocessing", "sequence": "generator"},
        orders={"2": ("sequence", "use_multiprocessing", "wait_time", "random_seed")},
        refused={"wait_time": Refused("nothing waits by sleeping.", ANY)},
        shared=frozenset({"sequence"}),
    ),
    "SequenceEnqueuer.start": Row(renamed=_WORKERS, refused={"wait_time": Refused("nothing waits by sleeping.", ANY)}),
    "Model.load_weights": Row(
        orders=dict.fromkeys(_KERAS_1_2, ("filepath", "by_name", "skip_mismatch", "reshape")),
    ),
}

_DRAWN = ("model", "show_shapes", "show_dtype", "show_layer_names", "rankdir", "expand_nested", "dpi")
_DRAWN_2 = ("show_shapes", "show_layer_names", "rankdir", "expand_nested", "dpi")
_DRAWN_LAST = ("layer_range", "show_layer_activations", "show_trainable")


def _drawing_row(plot: bool) -> Row:
    file = ("to_file",) if plot else ()
    named = {"show_layer_names": True} if plot else {}
    subgraph = () if plot else ("subgraph",)
    return Row(
        orders={
            "1": ("model", *file, "show_shapes", "show_layer_names"),
            "2": ("model", *file, *_DRAWN_2, *subgraph),
            "tf": ("model", *file, *_DRAWN[1:], *subgraph, *_DRAWN_LAST),
        },
        defaults=dict.fromkeys(("1", "2", "tf"), {**named, "dpi": 96, "splines": "true"}),
    )


FUNCTIONS: dict[str, Row] = {
    "model_to_dot": _drawing_row(plot=False),
    "plot_model": _drawing_row(plot=True),
    "relu": Row(
        renamed={"alpha": "negative_slope"},
        orders=dict.fromkeys(("1", "2", "tf"), ("x", "alpha", "max_value", "threshold")),
        shared=frozenset({"alpha"}),
    ),
    "leaky_relu": Row(renamed={"alpha": "negative_slope"}, shared=frozenset({"alpha"})),
    "activations.deserialize": Row(renamed={"name": "config"}, shared=frozenset({"name"})),
    "get_test_data": Row(
        renamed={"nb_train": "num_train", "nb_test": "num_test", "nb_class": "num_classes"},
    ),
    "convert_kernel": Row(
        orders={"1": ("kernel", "dim_ordering")},
        refused={"dim_ordering": Refused("kernels have their channels last.", (None, "default", "tf"))},
    ),
    "conv_output_length": Row(renamed={"border_mode": "padding"}),
    "conv_input_length": Row(renamed={"border_mode": "padding"}),
    "model_from_config": Row(renamed={"config": "model_config"}, shared=frozenset({"config"})),
    "normalize": Row(renamed={"a": "x"}),
    "serialize_keras_object": Row(renamed={"instance": "obj"}, shared=frozenset({"instance"})),
    "validate_file": Row(renamed={"md5_hash": "file_hash"}),
    "to_categorical": Row(renamed={"nb_classes": "num_classes"}),
}
