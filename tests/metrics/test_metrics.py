"""State, weights, configs, names and user-defined metrics."""

import copy
import pickle

import numpy as np
import pytest
import torch

from keras_torch import config, losses, metrics
from keras_torch.backend import Variable
from keras_torch.symbolic import reset_names

SPECIAL = {
    metrics.MeanRelativeError: {"normalizer": [1.0, 2.0]},
    metrics.SensitivityAtSpecificity: {"specificity": 0.5},
    metrics.SpecificityAtSensitivity: {"sensitivity": 0.5},
    metrics.PrecisionAtRecall: {"recall": 0.5},
    metrics.RecallAtPrecision: {"precision": 0.5},
    metrics.MeanMetricWrapper: {"fn": losses.mean_squared_error},
    metrics.AUC: {"num_thresholds": 7, "curve": "PR", "thresholds": [0.25, 0.5]},
    metrics.TopKCategoricalAccuracy: {"k": 3},
    metrics.SparseTopKCategoricalAccuracy: {"k": 3, "from_sorted_ids": True},
    metrics.Precision: {"thresholds": [0.5, 0.7], "top_k": 2, "class_id": 1},
    metrics.BinaryAccuracy: {"threshold": 0.25},
    metrics.MeanTensor: {"shape": (2, 3)},
    metrics.IoU: {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": 1, "sparse_y_pred": False, "axis": 1},
    metrics.MeanIoU: {"num_classes": 3, "sparse_y_true": False},
    metrics.OneHotIoU: {"num_classes": 3, "target_class_ids": [2], "sparse_y_pred": True},
    metrics.OneHotMeanIoU: {"num_classes": 3},
    metrics.BinaryIoU: {"target_class_ids": [1], "threshold": 0.25},
    metrics.FBetaScore: {"average": "macro", "beta": 2.0, "threshold": 0.5},
    metrics.F1Score: {"average": "weighted"},
    metrics.R2Score: {"class_aggregation": None, "num_regressors": 1},
}
BUILT_IN = [item for item in metrics.CLASSES if item is not metrics.Metric]


class TruePositives(metrics.Metric):
    """Written as one writes it for tf.keras."""

    def __init__(self, name="true_hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ((y_true > 0) & (y_pred > 0.5)).float()
        if sample_weight is not None:
            values = values * sample_weight
        self.total.assign_add(torch.sum(values))

    def result(self):
        return self.total


def test_a_tf_keras_metric_class_works():
    metric = TruePositives()
    y_true, y_pred = torch.tensor([1, 1, 0]), torch.tensor([0.9, 0.2, 0.8], requires_grad=True)
    first = metric(y_true, y_pred)
    second = metric(y_true, y_pred, sample_weight=torch.tensor([3.0, 1.0, 1.0]))
    assert (first.item(), second.item()) == (1.0, 4.0)
    assert [variable.path for variable in metric.variables] == ["true_hits/tp"]
    metric.reset_state()
    assert metric.result().item() == 0.0
    assert metric.get_config() == {"name": "true_hits", "dtype": "float32"}
    assert metric.stateful


def test_the_older_spelling_of_reset_may_be_overridden():
    class Old(TruePositives):
        def reset_states(self):
            super().reset_states()
            self.resets = getattr(self, "resets", 0) + 1

    metric = Old()
    metric(torch.ones(2), torch.ones(2))
    metric.reset_state()
    metric.reset_states()
    assert metric.resets == 2 and metric.result().item() == 0


def test_state_of_metrics_held_as_attributes_is_found_and_reset():
    class Pair(metrics.Metric):
        def __init__(self):
            super().__init__(name="pair")
            self.parts = [metrics.Mean(name="a"), metrics.Sum(name="b")]

        def update_state(self, values):
            for part in self.parts:
                part.update_state(values)

        def result(self):
            return {part.name: part.result() for part in self.parts}

    metric = Pair()
    assert {key: value.item() for key, value in metric(torch.tensor([1.0, 3.0])).items()} == {"a": 2.0, "b": 4.0}
    assert len(metric.variables) == 3
    metric.reset_state()
    assert metric.result()["a"].item() == 0.0


def test_keras_3_order_of_add_weight_is_understood():
    metric = TruePositives()
    assert tuple(metric.add_weight((2, 3), "ones").shape) == (2, 3)
    assert tuple(metric.add_variable((2,), "zeros", name="v").shape) == (2,)
    last = metric.add_weight((2,), "ones", "int32", "last")
    assert last.path == "true_hits/last" and last.dtype is torch.int32 and last.tolist() == [1, 1]


def test_tf_keras_arguments_of_add_weight_are_understood_or_refused():
    metric = TruePositives()
    metric.add_weight("a", shape=(2,), synchronization="on_read", initializer="zeros", aggregation="sum")
    for argument in ("synchronization", "aggregation"):
        with pytest.raises(ValueError, match=f"`{argument}`.*Received"):
            metric.add_weight("b", **{argument: "mean"})


def test_mean_counts_in_python_until_somebody_looks():
    metric = metrics.Mean()
    metric.update_state(torch.tensor([1.0, 2.0, 6.0], requires_grad=True))
    assert metric.result().item() == 3.0 and not metric.result().requires_grad
    assert [variable.item() for variable in metric.variables] == [9.0, 3.0]
    metric.update_state(torch.tensor(5.0), sample_weight=2)
    assert metric.result().item() == pytest.approx(19 / 5)
    metric.update_state([1.0, 3.0], sample_weight=[0.0, 1.0])
    assert metric.result().item() == pytest.approx(22 / 6)
    metric.reset_state()
    assert metric.result().item() == 0.0 and metric.count.item() == 0.0
    metric.update_state(4)
    assert metric.result().item() == 4.0


def test_results_do_not_change_with_later_updates():
    for metric in (metrics.Sum(), metrics.Mean(), metrics.TruePositives(thresholds=[0.1, 0.2])):
        arguments = (torch.ones(2),) if not isinstance(metric, metrics.TruePositives) else (torch.ones(2),) * 2
        metric.update_state(*arguments)
        before = metric.result()
        kept = before.clone()
        metric.update_state(*arguments)
        metric.reset_state()
        torch.testing.assert_close(before, kept)


def test_mean_tensor_wants_one_shape():
    metric = metrics.MeanTensor()
    with pytest.raises(ValueError, match="has no value yet"):
        metric.result()
    metric.update_state([1.0, 2.0])
    metric.update_state([3.0, 6.0], sample_weight=[1.0, 3.0])
    torch.testing.assert_close(metric.result(), torch.tensor([2.0, 5.0]))
    with pytest.raises(ValueError, match=r"\(2,\).*Received: \(3,\)"):
        metric.update_state([1.0, 2.0, 3.0])


@pytest.mark.parametrize("cls", BUILT_IN)
def test_a_config_makes_an_equal_metric(cls):
    metric = cls(**SPECIAL.get(cls, {}), name="mine")
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is cls and again.get_config() == metric.get_config() and again.name == "mine"
    assert pickle.loads(pickle.dumps(metric)).get_config() == metric.get_config()
    assert copy.deepcopy(metric).get_config() == metric.get_config()
    assert metrics.clone_metric(metric) is not metric


def test_default_names_are_those_of_keras():
    reset_names()
    assert [metrics.AUC().name for _ in range(3)] == ["auc", "auc_1", "auc_2"]
    assert [metrics.Precision().name, metrics.Mean().name, metrics.Mean().name] == ["precision", "mean", "mean"]
    reset_names()
    assert [cls().name for cls in (metrics.AUC, metrics.TruePositives, metrics.Mean)] == [
        "auc",
        "true_positives",
        "mean",
    ]
    assert metrics.LogCoshError().name == "logcosh"
    assert metrics.KLDivergence().name == "kl_divergence"
    with config.dialect_scope("tf"):
        assert metrics.KLDivergence().name == "kullback_leibler_divergence"


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        ((None, 1), (None, 1), "binary_accuracy"),
        ((None,), (None, 1), "binary_accuracy"),
        ((None,), (None, 10), "sparse_categorical_accuracy"),
        ((None, 1), (None, 10), "sparse_categorical_accuracy"),
        ((None, 10), (None, 10), "categorical_accuracy"),
        ((None, 5), (None, 5, 10), "sparse_categorical_accuracy"),
    ],
)
def test_accuracy_means_what_the_shapes_say(y_true, y_pred, expected):
    assert metrics.resolve_accuracy(y_true, y_pred, "acc").__name__ == expected
    entropy = expected.replace("accuracy", "crossentropy")
    assert metrics.resolve_accuracy(y_true, y_pred, "ce").__name__ == entropy
    assert metrics.as_metric("acc", y_true, y_pred).name == "acc"


def test_accuracy_follows_the_loss_in_keras_1_and_2():
    arguments = ((None, 10), (None, 10), "accuracy", losses.BinaryCrossentropy())
    assert metrics.resolve_accuracy(*arguments).__name__ == "categorical_accuracy"
    with config.dialect_scope("2"):
        assert metrics.resolve_accuracy(*arguments).__name__ == "binary_accuracy"


def test_names_find_metrics():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    with config.dialect_scope("tf"):
        assert metrics.get("mse") is metrics.mean_squared_error
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("precision"), metrics.Precision)
    with config.dialect_scope("1"):
        assert metrics.get("precision") is metrics.precision
    assert metrics.get("cosine_proximity")(torch.ones(1, 2), torch.ones(1, 2)).item() == pytest.approx(1.0)
    with config.dialect_scope("2"):
        assert metrics.get("cosine_proximity")(torch.ones(1, 2), torch.ones(1, 2)).item() == pytest.approx(-1.0)
    with pytest.raises(ValueError, match='Did you mean "accuracy"'):
        metrics.get("acuracy")


def test_functions_and_losses_become_means_with_their_names():
    def distance(y_true, y_pred):
        return torch.abs(y_true - y_pred).mean(-1)

    for item, name in ((distance, "distance"), ("mae", "mae"), (losses.MeanAbsoluteError(), "mean_absolute_error")):
        metric = metrics.as_metric(item, (None, 2), (None, 2))
        metric.update_state(torch.zeros(4, 2), torch.full((4, 2), 3.0))
        assert metric.name == name and metric.result().item() == 3.0


def test_keras_1_and_2_average_batch_values_by_batch_size():
    def total(y_true, y_pred):
        return torch.abs(y_true - y_pred).max()

    values = {}
    for dialect in ("2", "tf"):
        with config.dialect_scope(dialect):
            metric = metrics.as_metric(total)
            metric.update_state(torch.zeros(3, 1), torch.full((3, 1), 1.0))
            metric.update_state(torch.zeros(1, 1), torch.full((1, 1), 5.0))
            values[dialect] = metric.result().item()
    assert values == {"2": 2.0, "tf": 3.0}


def test_masks_leave_entries_out():
    y_pred = torch.tensor([[[0.9, 0.1], [0.9, 0.1]]])
    y_pred._keras_mask = torch.tensor([[True, False]])
    labels = torch.tensor([[0, 1]])
    assert metrics.SparseCategoricalAccuracy()(labels, y_pred).item() == 1.0
    y_pred._keras_mask = torch.tensor([[True, True]])
    assert metrics.SparseCategoricalAccuracy()(labels, y_pred).item() == 0.5


def test_ignored_classes_do_not_count_except_in_keras_3_without_weights():
    arguments = torch.tensor([0, -1]), torch.tensor([[0.5, 0.5], [0.1, 0.9]])
    for dialect, weight, expected in (("tf", None, 1), ("3", None, 0.5), ("3", torch.ones(2), 1)):
        with config.dialect_scope(dialect):
            metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
            metric.update_state(*arguments, sample_weight=weight)
        assert metric.result().item() == pytest.approx(expected * float(np.log(2)))


def test_wrong_shapes_are_value_errors():
    with pytest.raises(ValueError, match=r"sparse_categorical_accuracy.*Received: y_true.shape=\(4, 3\)"):
        metrics.SparseCategoricalAccuracy()(torch.zeros(4, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"categorical_accuracy.*Received: y_true.shape=\(4, 2\)"):
        metrics.CategoricalAccuracy()(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"precision.*Received: y_true.shape=\(4, 2\)"):
        metrics.Precision()(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="thresholds"):
        metrics.Precision(thresholds=[0.5, 1.5])
    with pytest.raises(ValueError, match="curve"):
        metrics.AUC(curve="ROCK")


def test_metrics_of_one_kind_merge():
    first, second = metrics.Mean(), metrics.Mean()
    first.update_state([1.0, 2.0])
    second.update_state([6.0])
    first.merge_state([second])
    assert first.result().item() == 3.0
    with pytest.raises(ValueError, match="merges the state"):
        first.merge_state([metrics.Sum()])


def test_state_goes_out_and_in_as_arrays():
    first, second = metrics.Mean(), metrics.Mean()
    first.update_state([1.0, 2.0])
    second.set_weights(first.get_weights())
    assert second.result().item() == 1.5


def test_keras_1_functions_describe_a_batch():
    y_true, y_pred = torch.tensor([1.0, 1, 0, 0]), torch.tensor([0.9, 0.2, 0.8, 0.1])
    assert metrics.precision(y_true, y_pred).item() == pytest.approx(0.5)
    assert metrics.recall(y_true, y_pred).item() == pytest.approx(0.5)
    assert metrics.fmeasure(y_true, y_pred).item() == pytest.approx(0.5)
    assert metrics.fbeta_score(torch.zeros(4), y_pred).item() == 0.0
    assert metrics.matthews_correlation(y_true, y_true).item() == pytest.approx(1.0)


@pytest.mark.parametrize("cls", [metrics.SparseCategoricalAccuracy, metrics.MeanSquaredError, metrics.Precision])
def test_updates_compile_without_graph_breaks(cls):
    torch.compiler.reset()
    metric, plain = cls(), cls()
    y_pred = torch.rand(6, 4)
    y_true = torch.tensor([0, 1, 2, 3, 0, 1]) if "Sparse" in cls.__name__ else (torch.rand(6, 4) > 0.5).float()
    y_true, y_pred = y_true.to(config.default_device()), y_pred.to(config.default_device())
    update = torch.compile(lambda y_true, y_pred: metric.update_state(y_true, y_pred), fullgraph=True, backend="eager")
    for _ in range(3):
        update(y_true, y_pred)
        plain.update_state(y_true, y_pred)
    torch.testing.assert_close(metric.result(), plain.result())


def test_counts_are_exact_beyond_the_range_of_float32():
    metric = metrics.Mean()
    hits = metrics.TruePositives()
    metric.update_state(torch.tensor(1.0), sample_weight=2**24)
    hits.update_state(torch.ones(1), torch.ones(1), sample_weight=torch.full((1,), 2.0**24))
    for _ in range(3):
        metric.update_state(torch.zeros(1))
        metric.update_state(torch.ones(1), sample_weight=torch.ones(1))
        hits.update_state(torch.ones(1), torch.ones(1))
    assert metric.running["count"].value().item() == 2**24 + 6
    assert metric.running["total"].value().item() == 2**24 + 3
    assert hits.running["true_positives"].value().item() == 2**24 + 3
    assert [variable.dtype for variable in (*metric.variables, *hits.variables)] == [torch.float32] * 3


def test_a_state_that_was_looked_at_goes_on_counting():
    metric = metrics.Mean()
    for number in (1, 2, 3):
        metric.update_state(torch.tensor([2.0]))
        assert (metric.total.item(), metric.count.item()) == (2 * number, number)
    metric.total.assign(12.0)
    assert metric.result().item() == 4.0
    metric.update_state(torch.tensor([4.0]))
    assert metric.result().item() == 4.0
    metric.reset_state()
    assert (metric.total.item(), metric.count.item()) == (0.0, 0.0)


def test_samples_of_several_shapes_count_once_but_in_tf_keras():
    results = []
    for dialect in ("3", "tf"):
        with config.dialect_scope(dialect):
            metric = metrics.SparseCategoricalAccuracy()
        metric.update_state(torch.zeros(2, 4), torch.eye(2)[torch.tensor([[0, 0, 0, 0], [0, 0, 0, 0]])])
        metric.update_state(torch.zeros(2, 1), torch.eye(2)[torch.tensor([[1], [1]])])
        results.append(metric.result().item())
    assert results == pytest.approx([0.5, 0.8])


def test_metrics_of_classes_refuse_bad_arguments():
    bad = [
        (metrics.IoU, (2, [2]), "out of range"),
        (metrics.IoU, (0, [0]), "num_classes"),
        (metrics.IoU, (2, []), "target_class_ids"),
        (metrics.FBetaScore, ("mean",), "average"),
        (metrics.FBetaScore, (None, 1), "beta"),
        (metrics.FBetaScore, (None, -1.0), "beta"),
        (metrics.F1Score, (None, 1.5), "threshold"),
        (metrics.R2Score, ("mean",), "class_aggregation"),
        (metrics.R2Score, (None, -1), "num_regressors"),
    ]
    for cls, arguments, word in bad:
        with pytest.raises(ValueError, match=f"{word}.*Received"):
            cls(*arguments)
    for metric in (metrics.F1Score(), metrics.R2Score()):
        with pytest.raises(ValueError, match=r"expects 2D inputs.*Received: y_true.shape=\(3,\)"):
            metric.update_state(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="as many targets as predictions.*Received"):
        metrics.MeanIoU(2).update_state(torch.zeros(3), torch.zeros(3, 2))


def test_integer_counts_say_that_they_cut_off_weights():
    metric = metrics.BinaryIoU()
    with pytest.warns(UserWarning, match="int32.*dtype='float32'"):
        metric.update_state(torch.tensor([0, 1]), torch.tensor([0.2, 0.9]), sample_weight=torch.tensor([1.5, 0.5]))
    assert metric.total_cm.tolist() == [[1, 0], [0, 0]] and metric.total_cm.dtype is torch.int32


def test_an_r2_score_without_enough_samples_is_not_adjusted():
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [2.5]]))
    with pytest.warns(UserWarning, match="not adjusted"):
        assert metric.result().item() == pytest.approx(0.5)


def test_a_metric_in_python_gets_tensors_on_the_cpu_and_may_return_numbers():
    class Largest(metrics.PyMetric):
        def reset_state(self):
            self.largest = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.largest = max(self.largest, float(np.abs(y_true.numpy() - y_pred.numpy()).max()))

        def result(self):
            return self.largest

    metric = Largest(name="largest")
    metric.update_state(torch.zeros(2), torch.tensor([1.0, -3.0], requires_grad=True))
    assert metric.result().item() == 3.0
    metric.reset_state()
    assert metric.result().item() == 0.0
    with pytest.raises(NotImplementedError, match="merge_state"):
        metric.merge_state([metric])


def test_stateless_updates_leave_the_metric_as_it_is():
    metric = metrics.Mean()
    metric.update_state(torch.tensor([5.0]))
    state = metric.stateless_update_state([torch.tensor(3.0), torch.tensor(1.0)], torch.tensor([1.0]))
    assert [value.item() for value in state] == [4.0, 2.0]
    assert metric.stateless_result(state).item() == 2.0
    assert [value.item() for value in metric.stateless_reset_state()] == [0.0, 0.0]
    assert metric.result().item() == 5.0
    with pytest.raises(ValueError, match="`metric_variables` of Mean.*expected 2.*Received: 1"):
        metric.stateless_result(state[:1])


def test_a_metric_tracks_variables_and_metrics_in_lists_and_dicts():
    metric = TruePositives()
    metric.more = {"a": [metrics.Mean(), Variable(2.0, trainable=False)], "b": metrics.Sum()}
    assert len(metric.variables) == 5
    metric.reset_state()
    assert metric.more["a"][1].item() == 0.0


def test_a_metric_without_its_base_constructor_says_so():
    class Hasty(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"Hasty.*super\(\).__init__\(\)"):
        Hasty()


def test_state_may_start_from_an_array():
    metric = metrics.MeanIoU(2)
    metric.total_cm = metric.add_variable((2, 2), torch.tensor([[20_000_000, 0], [1, 20_000_001]]), dtype="int32")
    metric.update_state([0, 1], [0, 1])
    assert metric.total_cm.tolist() == [[20_000_001, 0], [1, 20_000_002]]


def test_a_class_that_is_not_predicted_is_an_error():
    for y_pred in (torch.zeros(3), torch.zeros(3, 2)):
        with pytest.raises(ValueError, match="class_id=2.*num_classes.*Received: y_pred.shape"):
            metrics.Precision(class_id=2).update_state(y_pred, y_pred)


def test_a_wrapper_of_a_function_is_named_after_its_class():
    reset_names()
    names = [metrics.MeanMetricWrapper(losses.mean_squared_error).name for _ in range(2)]
    assert names == ["mean_metric_wrapper", "mean_metric_wrapper_1"]
    assert repr(metrics.Mean(name="loss")) == "<Mean name=loss>"
