"""Compile arguments that ask for code, files, memory or time: changes of what an honest file says.

`REFUSED` must leave the model uncompiled; of `ODD` it is enough that nothing bad happens.
"""

from .hostile_configs import HUGE, LAMBDA_3, SYSTEM, bytecode

LAMBDA = LAMBDA_3["function"]
BY_PATH = {"class_name": "os>system", "config": {"command": "true"}}
POPEN = {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": "Popen"}
OLD_LAMBDA = {"class_name": "Lambda", "config": {"function": [bytecode(), None, None]}}


def adam(**config):
    return {"optimizer": {"class_name": "Adam", "config": config}}


def rate(class_name, **config):
    module = "keras.optimizers.schedules"
    described = {"module": module, "class_name": class_name, "config": config, "registered_name": None}
    return adam(learning_rate=described)


def metric(class_name, **config):
    return {"metrics": [{"class_name": class_name, "config": config}]}


REFUSED = {
    "an optimizer of a module": {"optimizer": POPEN},
    "an optimizer by a path": {"optimizer": BY_PATH},
    "a function as the optimizer": {"optimizer": SYSTEM},
    "bytecode as the optimizer": {"optimizer": LAMBDA},
    "an optimizer that is a name of torch": {"optimizer": {"class_name": "torch.optim.Adam", "config": {}}},
    "an optimizer in an optimizer that is none": {
        "optimizer": {"class_name": "LossScaleOptimizer", "config": {"inner_optimizer": POPEN}}
    },
    "optimizers in optimizers": {
        "optimizer": {"class_name": "LossScaleOptimizer", "config": {"inner_optimizer": {"class_name": "Nothing"}}}
    },
    "a rate of a module": adam(learning_rate=POPEN),
    "a rate that is bytecode": adam(learning_rate=LAMBDA),
    "a rate that is a function": adam(learning_rate=SYSTEM),
    "a rate by a path": adam(learning_rate=BY_PATH),
    "a schedule that wraps a path of torch": rate("TorchSchedule", scheduler="torch.optim.lr_scheduler.LambdaLR"),
    "a schedule without numbers": rate("PiecewiseConstantDecay", boundaries=[[]], values=[{}]),
    "a rate that is a list": adam(learning_rate=[[0.1]]),
    "an argument that no optimizer has": adam(callback=SYSTEM),
    "a loss of a module": {"loss": POPEN},
    "a loss that is bytecode": {"loss": LAMBDA},
    "a loss that is old bytecode": {"loss": OLD_LAMBDA},
    "a loss that is a function": {"loss": SYSTEM},
    "a loss by a path": {"loss": "os.system"},
    "a wrapped loss": {"loss": {"class_name": "LossFunctionWrapper", "config": {"fn": SYSTEM}}},
    "a loss of an output that is not there": {"loss": {"../../etc/passwd": "mse"}},
    "a metric of a module": {"metrics": [POPEN]},
    "a metric that is bytecode": {"metrics": [LAMBDA]},
    "a metric that is a function": {"metrics": [[SYSTEM]]},
    "a wrapped metric": metric("MeanMetricWrapper", fn=LAMBDA),
    "a metric by a path": {"weighted_metrics": ["subprocess.Popen"]},
    "a metric with an argument it has not": metric("Mean", fn=SYSTEM),
    "a huge number of thresholds": metric("AUC", num_thresholds=10**12),
    "a huge number of classes": metric("MeanIoU", num_classes=10**7),
    "a negative number of classes": metric("MeanIoU", num_classes=-5),
    "a huge list of outputs": {"loss": ["mse"] * 10**4},
    "metrics that are a number": {"metrics": 3},
}

ODD = {
    "a rate of text": adam(learning_rate="__import__('os').system('true')"),
    "metrics in metrics": {"metrics": [[[[["mse"]]]]]},
    "no optimizer": {"optimizer": None},
    "a list as the optimizer": {"optimizer": ["adam"]},
    "a rate that is no number": adam(learning_rate=float("nan")),
    "a huge rate": adam(learning_rate=1e308),
    "a rate beyond numbers": adam(learning_rate=10**400),
    "a negative rate": adam(learning_rate=-1),
    "huge steps": rate("CosineDecay", initial_learning_rate=1, decay_steps=10**30),
    "no steps": rate("ExponentialDecay", initial_learning_rate=1, decay_steps=0, decay_rate=10**300),
    "many boundaries": rate("PiecewiseConstantDecay", boundaries=list(range(10**4)), values=[0.1] * (10**4 + 1)),
    "a huge accumulation": adam(learning_rate=0.1, gradient_accumulation_steps=HUGE),
    "a huge scale": {"optimizer": {"class_name": "LossScaleOptimizer", "config": {"initial_scale": 1e400}}},
    "a name as a path": adam(name="../../x"),
    "a huge loss weight": {"loss_weights": [10**400]},
    "weights by text": {"loss_weights": {"x": "y"}},
    "huge thresholds": metric("Precision", thresholds=[0.5] * 10**4),
    "a huge k": metric("TopKCategoricalAccuracy", k=10**18),
    "a metric without a name": metric("Mean", name={"a": 1}),
    "steps that never end": {"steps_per_execution": 10**12},
    "steps of text": {"steps_per_execution": "all"},
    "run_eagerly as code": {"run_eagerly": LAMBDA},
}
