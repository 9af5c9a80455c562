"""Cases of callback_events.py; the tests play them as well."""

HOOKS = [
    *(f"on_{mode}_{moment}" for mode in ("train", "test", "predict") for moment in ("begin", "end")),
    *(f"on_{mode}_batch_{moment}" for mode in ("train", "test", "predict") for moment in ("begin", "end")),
    "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end",
]  # fmt: skip

CASES = {
    "fit": {"epochs": 2},
    "fit_with_validation": {"epochs": 2, "validation": True},
    "fit_every_second_validation": {"epochs": 3, "validation": True, "validation_freq": 2},
    "fit_later_epochs": {"epochs": 4, "initial_epoch": 2},
    "fit_part_of_the_data": {"epochs": 2, "steps_per_epoch": 2},
    "fit_generator": {"epochs": 2, "data": "generator", "steps_per_epoch": 2, "validation": True},
    "fit_sequence": {"epochs": 2, "data": "sequence", "validation": True},
    "fit_groups_of_2": {"epochs": 1, "compiled": {"steps_per_execution": 2}, "validation": True},
    "fit_groups_of_3": {"epochs": 2, "compiled": {"steps_per_execution": 3}},
    "fit_groups_of_9": {"epochs": 1, "compiled": {"steps_per_execution": 9}},
    "stop_at_train_begin": {"epochs": 3, "stop": ("on_train_begin", None), "validation": True},
    "stop_at_epoch_begin": {"epochs": 3, "stop": ("on_epoch_begin", 1), "validation": True},
    "stop_at_batch_begin": {"epochs": 3, "stop": ("on_train_batch_begin", 1), "validation": True},
    "stop_at_batch_end": {"epochs": 3, "stop": ("on_train_batch_end", 1), "validation": True},
    "stop_at_old_batch_end": {"epochs": 3, "stop": ("on_batch_end", 1), "validation": True},
    "stop_at_last_batch": {"epochs": 3, "stop": ("on_train_batch_end", 3), "validation": True},
    "stop_in_validation": {"epochs": 3, "stop": ("on_test_batch_end", 0), "validation": True},
    "stop_at_epoch_end": {"epochs": 3, "stop": ("on_epoch_end", 1), "validation": True},
    "stop_in_groups": {"epochs": 3, "stop": ("on_train_batch_end", 1), "compiled": {"steps_per_execution": 2}},
    "metrics": {"epochs": 1, "compiled": {"metrics": ["mae"], "weighted_metrics": ["mse"]}, "validation": True},
    "evaluate": {"call": "evaluate"},
    "evaluate_steps": {"call": "evaluate", "steps": 2},
    "evaluate_generator": {"call": "evaluate", "data": "generator", "steps": 3},
    "evaluate_groups": {"call": "evaluate", "compiled": {"steps_per_execution": 3}},
    "predict": {"call": "predict"},
    "predict_steps": {"call": "predict", "steps": 2},
    "predict_groups": {"call": "predict", "compiled": {"steps_per_execution": 3}},
    "nested": {"epochs": 1, "wrap": "nested"},
    "list": {"epochs": 1, "wrap": "list"},
    "other_model_inside": {"epochs": 1, "evaluates": True, "validation": True},
}


def recorder(keras, trace, stop, evaluates):
    """Return a callback that notes every hook, and stops the training in the hook `stop[0]` at the index `stop[1]`."""

    def hook(name):
        def note(self, *args, **named):
            *index, logs = [*args, *named.values()]
            if name not in ("on_batch_begin", "on_batch_end"):
                trace.append([name, *(index or [None]), described(logs)])
            if stop and stop[0] == name and stop[1] in (None, *index):
                self.model.stop_training = True
            if evaluates and name == "on_epoch_end":
                self.model.evaluate(*evaluates, batch_size=4, verbose=0)
            if name in ("on_train_batch_begin", "on_train_batch_end"):
                getattr(keras.callbacks.Callback, name)(self, *index, logs)

        return note

    return type("Recorder", (keras.callbacks.Callback,), {name: hook(name) for name in HOOKS})()


def described(logs):
    """Return logs as data: numbers, and the shapes of arrays as text."""
    assert isinstance(logs, dict)
    return {
        name: float(value) if getattr(value, "ndim", 0) == 0 and not isinstance(value, list) else str(value.shape)
        for name, value in logs.items()
    }


def batches(np, x, y):
    while True:
        for start in range(0, len(x), 4):
            yield x[start : start + 4], y[start : start + 4]


def sequence(keras, x, y):
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return -(-len(x) // 4)

        def __getitem__(self, index):
            return x[4 * index : 4 * index + 4], y[4 * index : 4 * index + 4]

    return Batches()


def play(
    keras,
    np,
    call="fit",
    data="arrays",
    compiled=None,
    validation=False,
    stop=None,
    wrap=None,
    evaluates=False,
    **options,
):
    """Make a model, call one of its methods and return the trace: hooks, epochs that ran, keys of the history."""
    x = np.arange(60, dtype="float32").reshape(15, 4) / 60
    y = x[:, :1]
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))
    model.compile(keras.optimizers.SGD(0.02), "mse", **(compiled or {}))
    trace = []
    callback = recorder(keras, trace, stop, (x, y) if evaluates else None)
    if wrap == "nested":
        callbacks = [[callback], [[keras.callbacks.Callback()]]]
    elif wrap == "list":
        callbacks = keras.callbacks.CallbackList(
            [callback], model=model, add_history=True, epochs=1, verbose=0, steps=4
        )
    else:
        callbacks = [callback]
    given = {
        "arrays": lambda: {"x": x, "y": y, "batch_size": 4},
        "generator": lambda: {"x": batches(np, x, y)},
        "sequence": lambda: {"x": sequence(keras, x, y)},
    }[data]()
    if call == "predict":
        given.pop("y", None)
    if call == "fit":
        options["shuffle"] = False
        if validation:
            options.update(validation_data=(x[:7], y[:7]), validation_batch_size=4)
    result = getattr(model, call)(**given, verbose=0, callbacks=callbacks, **options)
    history = result.history if call == "fit" else {}
    return {"events": trace, "history": {name: len(values) for name, values in history.items()}}
