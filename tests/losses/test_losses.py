"""Shapes, reductions, errors, configs and names of losses."""

import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from keras_torch import activations, config, losses

torch.manual_seed(0)
LOGITS = torch.randn(6, 4)
LABELS = torch.tensor([3, 1, 0, 2, 0, 1])
ONE_HOT = F.one_hot(LABELS, 4).float()
BUILT_IN = [item for item in losses.CLASSES if item not in (losses.Loss, losses.LossFunctionWrapper, losses.TorchLoss)]


def certain_and_wrong(activation):
    logits = torch.tensor([[100.0, -100.0, 0.0]], requires_grad=True)
    return logits, activations.get(activation)(logits)


def softmax_that_notes_its_logits(logits):
    probabilities = torch.softmax(logits, -1)
    probabilities._keras_logits = logits
    return probabilities


@pytest.mark.parametrize("labels", [LABELS, LABELS.unsqueeze(1), LABELS.float(), LABELS.int(), LABELS.to(torch.uint8)])
def test_sparse_labels_of_any_shape_and_type_give_the_same_loss(labels):
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    torch.testing.assert_close(loss(labels, LOGITS), F.cross_entropy(LOGITS, LABELS))


def test_numpy_arrays_and_lists_are_taken():
    value = losses.MeanSquaredError()([[0.0, 1.0]], np.array([[1.0, 3.0]]))
    assert value.item() == 2.5 and value.dtype is torch.float32


def test_boolean_targets_are_taken():
    targets = torch.tensor([[True], [False]])
    value = losses.BinaryCrossentropy(from_logits=True)(targets, torch.tensor([[2.0], [-1.0]]))
    torch.testing.assert_close(
        value, F.binary_cross_entropy_with_logits(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0]))
    )


def test_target_vectors_meet_prediction_columns():
    y_true, y_pred = torch.randn(5), torch.randn(5, 1)
    expected = torch.square(y_true - y_pred[:, 0]).mean()
    torch.testing.assert_close(losses.MeanSquaredError()(y_true, y_pred), expected)
    torch.testing.assert_close(losses.MeanSquaredError()(y_true, y_pred, torch.ones(5)), expected)


def test_binary_targets_as_vector_use_the_logits_of_a_column():
    logits = torch.tensor([[50.0], [-60.0]])
    probabilities = torch.sigmoid(logits)
    probabilities._keras_logits = logits
    assert losses.BinaryCrossentropy()(torch.tensor([0, 1]), probabilities).item() == 55.0


@pytest.mark.parametrize("bad", [12, 4, -1, -100])
def test_a_label_outside_the_classes_is_a_value_error(bad):
    labels = LABELS.clone()
    labels[2] = bad
    for loss in (losses.SparseCategoricalCrossentropy(), losses.SparseCategoricalCrossentropy(reduction="none")):
        with pytest.raises(ValueError, match=r"must be in \[0, 4\).*Received: labels from"):
            loss(labels, softmax_that_notes_its_logits(LOGITS))


def test_targets_of_another_number_of_classes_are_a_value_error():
    with pytest.raises(ValueError, match=r"categorical_crossentropy.*\(6, 4\).*Received: y_true.shape=\(6, 3\)"):
        losses.CategoricalCrossentropy()(torch.rand(6, 3), torch.softmax(LOGITS, -1))
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        losses.CategoricalCrossentropy()(LABELS.unsqueeze(1), torch.softmax(LOGITS, -1))
    with pytest.raises(ValueError, match="One-hot targets need"):
        losses.SparseCategoricalCrossentropy()(ONE_HOT, torch.softmax(LOGITS, -1))
    with pytest.raises(ValueError, match=r"Received: y_true.shape=\(6, 3\)"):
        losses.MeanSquaredError()(torch.rand(6, 3), LOGITS)
    with pytest.raises(ValueError, match="binary_crossentropy"):
        losses.BinaryCrossentropy()(torch.rand(6, 3), torch.sigmoid(LOGITS))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match='Did you mean "mean_squared_error"'):
        losses.get("mean_squared_eror")
    with pytest.raises(ValueError, match="reduction"):
        losses.MeanSquaredError(reduction="average")


def test_noted_logits_keep_extreme_losses_exact_and_their_gradient_alive():
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    value = losses.SparseCategoricalCrossentropy()(torch.tensor([2]), softmax_that_notes_its_logits(logits))
    value.backward()
    assert value.item() == 400.0
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, 0.0, -1.0]]))


@pytest.mark.parametrize(("dialect", "value"), [(None, 200.0), ("tf", 200.0), ("1", 16.118095), ("3", 16.118095)])
def test_the_dialect_decides_between_logits_and_clipped_probabilities(dialect, value):
    for loss, target in (
        (losses.CategoricalCrossentropy(), [[0, 1, 0]]),
        (losses.SparseCategoricalCrossentropy(), [1]),
    ):
        with config.dialect_scope(dialect):
            logits, y_pred = certain_and_wrong("softmax")
            result = loss(torch.tensor(target), y_pred)
        assert result.item() == pytest.approx(value)
        result.backward()
        expected = [[1.0, -1.0, 0.0]] if value == 200.0 else [[0.0, 0.0, 0.0]]
        torch.testing.assert_close(logits.grad, torch.tensor(expected))


def test_logits_of_the_other_activation_are_used_by_tf_keras_alone():
    logits, y_pred = certain_and_wrong("softmax")
    target = torch.tensor([[0.0, 1.0, 0.0]])
    clipped = losses.BinaryCrossentropy()(target, y_pred.detach()).item()
    assert losses.BinaryCrossentropy()(target, y_pred).item() == pytest.approx(clipped)
    with config.dialect_scope("tf"):
        assert losses.BinaryCrossentropy()(target, y_pred).item() == pytest.approx(66.897717)


def test_logits_with_from_logits_warn():
    with pytest.warns(UserWarning, match="from_logits"):
        losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, softmax_that_notes_its_logits(LOGITS))


def test_nan_predictions_give_nan():
    for loss in (losses.BinaryCrossentropy(), losses.CategoricalCrossentropy(), losses.MeanSquaredError()):
        assert torch.isnan(loss(ONE_HOT, torch.full((6, 4), float("nan"))))


def test_half_precision_predictions_are_computed_in_float32():
    value = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, LOGITS.half())
    assert value.dtype is torch.float32


def test_ignored_classes_do_not_count():
    labels = torch.tensor([3, -1, 0, 2, -1, 1])
    keep = labels >= 0
    value = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)(labels, LOGITS)
    torch.testing.assert_close(value, F.cross_entropy(LOGITS[keep], labels[keep]))


def test_axis_may_be_the_channel_axis():
    logits, labels = torch.randn(2, 3, 5, 5), torch.randint(0, 3, (2, 5, 5))
    expected = F.cross_entropy(logits, labels)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True, axis=1)
    torch.testing.assert_close(sparse(labels, logits), expected)
    dense = losses.CategoricalCrossentropy(from_logits=True, axis=1)
    torch.testing.assert_close(dense(F.one_hot(labels, 3).movedim(-1, 1), logits), expected)


@pytest.mark.parametrize("cls", BUILT_IN)
def test_a_config_makes_an_equal_loss(cls):
    loss = cls(reduction="sum", name="mine")
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is cls and again.get_config() == loss.get_config()
    assert again.reduction == "sum" and again.name == "mine"
    assert pickle.loads(pickle.dumps(loss)).get_config() == loss.get_config()
    # Keras 2.15 adds the function's name
    assert cls.from_config({**loss.get_config(), "fn": "ignored"}).name == "mine"


def test_arguments_survive_a_config():
    for loss in (
        losses.Huber(delta=0.25),
        losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, axis=0),
        losses.SparseCategoricalCrossentropy(ignore_class=2, axis=1),
        losses.CategoricalFocalCrossentropy(alpha=0.5, gamma=3.0),
        losses.LossFunctionWrapper(losses.huber, delta=2.0, name="wide"),
    ):
        assert losses.deserialize(losses.serialize(loss)).get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mse", losses.mean_squared_error),
        ("MSE", losses.mean_squared_error),
        ("mae", losses.mean_absolute_error),
        ("MAPE", losses.mean_absolute_percentage_error),
        ("msle", losses.mean_squared_logarithmic_error),
        ("kld", losses.kl_divergence),
        ("kullback_leibler_divergence", losses.kl_divergence),
        ("logcosh", losses.log_cosh),
        ("cosine", losses.cosine_proximity),
        ("cosine_proximity", losses.cosine_proximity),
        ("huber_loss", losses.huber),
        ("bce", losses.binary_crossentropy),
        ("mean_squared_error", losses.mean_squared_error),
    ],
)
def test_old_and_short_names_find_the_function(name, function):
    assert losses.get(name) is function


def test_categorical_crossentropy_is_recognized_by_name_function_and_object():
    for loss in ("categorical_crossentropy", losses.categorical_crossentropy, losses.CategoricalCrossentropy()):
        assert losses.is_categorical_crossentropy(loss)
    assert not losses.is_categorical_crossentropy("sparse_categorical_crossentropy")


def test_names_of_classes_and_config_dicts_give_instances():
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    found = losses.get({"class_name": "Huber", "config": {"delta": 3.0}})
    assert isinstance(found, losses.Huber) and found.delta == 3.0
    assert losses.get(None) is None
    assert losses.as_loss("mse").name == "mse"


def test_tf_keras_order_of_the_base_class_arguments_is_understood():
    class Mine(losses.Loss):
        def __init__(self):
            super().__init__("sum", "mine")

        def call(self, y_true, y_pred):
            return torch.abs(y_true - y_pred).mean(-1)

    loss = Mine()
    assert (loss.reduction, loss.name) == ("sum", "mine")
    assert loss(torch.zeros(3, 2), torch.ones(3, 2)).item() == 3.0


def test_a_function_may_return_a_scalar_and_sees_float_targets():
    seen = []

    def mine(y_true, y_pred):
        seen.append((y_true.dtype, tuple(y_true.shape)))
        return torch.abs(y_true - y_pred).mean()

    loss = losses.as_loss(mine)
    assert loss.name == "mine"
    assert loss(np.zeros(3), torch.ones(3, 1)).item() == 1.0
    with config.dialect_scope("2"):
        loss(torch.zeros(3, 1, dtype=torch.int64), torch.ones(3, 1))
    assert seen == [(torch.float32, (3, 1)), (torch.float32, (3, 1))]


def test_keras_1_and_2_divide_by_the_number_of_nonzero_weights():
    y_true, y_pred, weights = torch.zeros(4, 1), torch.ones(4, 1), torch.tensor([2.0, 0.0, 0.0, 0.0])
    assert losses.MeanSquaredError()(y_true, y_pred, weights).item() == 0.5
    for dialect in ("1", "2"):
        with config.dialect_scope(dialect):
            assert losses.MeanSquaredError()(y_true, y_pred, weights).item() == 2.0
            assert losses.MeanSquaredError()(y_true, y_pred, weights[:, None]).item() == 2.0


def test_dialects_disagree_on_hinge_cosine_and_clipping():
    zero_one, scores = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]])
    assert losses.hinge(zero_one, scores).item() == 1.0
    cosine = losses.cosine_proximity(scores, scores).item()
    certain = losses.binary_crossentropy(torch.ones(1, 1), torch.zeros(1, 1)).item()
    with config.dialect_scope("1"):
        assert losses.hinge(zero_one, scores).item() == 0.75
        assert losses.cosine_proximity(scores, scores).item() == pytest.approx(-0.5)
    with config.dialect_scope("tf"):
        assert losses.binary_crossentropy(torch.ones(1, 1), torch.zeros(1, 1)).item() == pytest.approx(15.42495)
    assert (cosine, certain) == (pytest.approx(-1.0), pytest.approx(16.118095))


def test_torch_losses_take_keras_targets():
    loss = losses.get(nn.CrossEntropyLoss())
    assert isinstance(loss, losses.TorchLoss) and loss.name == "cross_entropy_loss"
    expected = F.cross_entropy(LOGITS, LABELS)
    torch.testing.assert_close(loss(LABELS.int().unsqueeze(1), LOGITS), expected)
    torch.testing.assert_close(losses.get(F.cross_entropy)(LABELS, LOGITS), expected)
    torch.testing.assert_close(losses.get(nn.MSELoss)(torch.zeros(6), torch.ones(6, 1)), torch.tensor(1.0))
    weights = torch.tensor([1.0, 0, 0, 0, 0, 1])
    expected = (F.cross_entropy(LOGITS, LABELS, reduction="none") * weights).mean()
    torch.testing.assert_close(loss(LABELS, LOGITS, weights), expected)


def test_torch_losses_go_through_a_config_or_say_why_not():
    loss = losses.get(nn.CrossEntropyLoss(label_smoothing=0.25))
    again = losses.deserialize(losses.serialize(loss))
    assert again.module.label_smoothing == 0.25 and again.name == loss.name
    with pytest.raises(ValueError, match="cannot be written"):
        losses.serialize(losses.get(nn.CrossEntropyLoss(weight=torch.ones(4))))
    with pytest.raises(ValueError, match="must name a loss of torch.nn"):
        losses.deserialize({"class_name": "TorchLoss", "config": {"module": "Linear"}})


def test_weights_without_per_sample_losses_are_refused():
    class Total(nn.Module):
        def forward(self, prediction, target):
            return (prediction - target).abs().sum()

    loss = losses.get(Total())
    assert loss(torch.zeros(2, 1), torch.ones(2, 1)).item() == 2.0
    with pytest.raises(ValueError, match="cannot apply sample weights"):
        loss(torch.zeros(2, 1), torch.ones(2, 1), torch.ones(2))


# torch cannot trace its own ctc_loss, which allocates by the lengths of the labels
@pytest.mark.parametrize("cls", [cls for cls in BUILT_IN if cls is not losses.CTC])
def test_losses_compile_without_graph_breaks(cls):
    torch.compiler.reset()
    loss = cls()
    sparse = cls in (losses.SparseCategoricalCrossentropy, losses.CategoricalGeneralizedCrossEntropy, losses.Circle)
    y_true = LABELS if sparse else ONE_HOT
    step = torch.compile(
        lambda y_true, y_pred: loss(y_true, torch.softmax(y_pred, -1)), fullgraph=True, backend="eager"
    )
    torch.testing.assert_close(step(y_true, LOGITS), loss(y_true, torch.softmax(LOGITS, -1)))


def test_new_losses_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match=r"`q` must be between 0 and 1.*Received: q=1"):
        losses.CategoricalGeneralizedCrossEntropy(q=1)
    with pytest.raises(ValueError, match=r"`alpha` must not be negative. Received: alpha=-0.5"):
        losses.Tversky(alpha=-0.5)
    with pytest.raises(ValueError, match=r"`dice`: `axis` must be one of the axes.*Received: axis=\(1, 2\)"):
        losses.Dice(axis=(1, 2))(ONE_HOT, LOGITS)
    with pytest.raises(ValueError, match=r"`circle` needs as many labels.*y_true.shape=\(5,\)"):
        losses.circle(torch.zeros(5), LOGITS)
    with pytest.raises(ValueError, match=r"`ctc` needs labels of shape.*y_pred.shape=\(6, 4\)"):
        losses.ctc(ONE_HOT, LOGITS)
    with pytest.raises(ValueError, match=r"must be in \[0, 4\).*labels from 0 to 9"):
        losses.categorical_generalized_cross_entropy(torch.tensor([0, 9, 0, 0, 0, 0]), LOGITS.softmax(-1), 0.5)


@pytest.mark.parametrize("cls", [losses.CategoricalCrossentropy, losses.BinaryCrossentropy, losses.CosineSimilarity])
def test_an_axis_that_the_predictions_lack_is_a_value_error(cls):
    with pytest.raises(ValueError, match=r"`axis` must be one of the axes of the predictions, which have 2"):
        cls(axis=2)(ONE_HOT, LOGITS.softmax(-1))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: losses.MeanSquaredError(ONE_HOT, LOGITS), "`reduction` must be None or one of"),
        (lambda: losses.MeanSquaredError()(ONE_HOT, LOGITS, torch.ones(5)), r"one entry for each loss.*shape \(5,\)"),
        (lambda: losses.MeanSquaredError()(["a"], [1.0]), r"must be numbers. Received: \['a'\]"),
        (lambda: losses.MeanSquaredError()(None, LOGITS), "must be numbers. Received: None"),
        (lambda: losses.Huber(delta=-1.0), "`delta` must not be negative"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2.0)(ONE_HOT, LOGITS), r"`label_smoothing` must be in \[0"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1.0)(ONE_HOT, LOGITS), "`gamma` must not be negative"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2])(ONE_HOT, LOGITS), "each of the 4 classes"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class="a")(LABELS, LOGITS), "number of a class"),
        (lambda: losses.CTC()(torch.tensor([[7]]), torch.rand(1, 5, 4)), r"must be in \[0, 4\).*from 7 to 7"),
        (lambda: losses.LossFunctionWrapper("mse"), "`fn` must be a function.*Received: 'mse'"),
        (lambda: losses.as_loss(lambda y_true, y_pred: None)(ONE_HOT, LOGITS), "must return its value.*None"),
        (lambda: losses.get(nn.CrossEntropyLoss())(LABELS + 9, LOGITS), r"must be in \[0, 4\)"),
    ],
)
def test_what_cannot_be_a_loss_or_its_input_is_a_value_error(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_one_column_of_classes_is_warned_of():
    with pytest.warns(SyntaxWarning, match="have only one.*binary_crossentropy"):
        losses.categorical_crossentropy(torch.ones(3, 1), torch.ones(3, 1))


def test_torch_losses_find_the_classes_of_sequences_on_the_last_axis_or_the_second():
    loss, logits, labels = losses.get(nn.CrossEntropyLoss()), torch.randn(2, 5, 4), torch.randint(0, 4, (2, 5))
    expected = F.cross_entropy(logits.movedim(-1, 1), labels)
    torch.testing.assert_close(loss(labels, logits), expected)
    torch.testing.assert_close(loss(labels.unsqueeze(-1).float(), logits), expected)
    torch.testing.assert_close(loss(F.one_hot(labels, 4), logits), expected)
    torch.testing.assert_close(loss(labels, logits.movedim(-1, 1)), expected)
    weights = torch.rand(2, 5)
    values = F.cross_entropy(logits.movedim(-1, 1), labels, reduction="none")
    torch.testing.assert_close(loss(labels, logits, weights), (values * weights).mean())


def test_a_mean_over_the_batch_stays_one_with_weights():
    loss, logits = losses.get(nn.KLDivLoss(reduction="batchmean")), LOGITS.log_softmax(-1)
    torch.testing.assert_close(loss(ONE_HOT, logits, torch.ones(6)), loss(ONE_HOT, logits))


@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
def test_the_name_crossentropy_means_the_one_that_fits_the_shapes(name):
    loss, column = losses.as_loss(name), torch.sigmoid(LOGITS[:, :1])
    assert loss.name == name
    for weight in (None, torch.rand(6)):
        torch.testing.assert_close(
            loss(LABELS % 2, column, weight), losses.BinaryCrossentropy()(LABELS % 2, column, weight)
        )
        y_pred = LOGITS.softmax(-1)
        torch.testing.assert_close(
            loss(LABELS, y_pred, weight), losses.SparseCategoricalCrossentropy()(LABELS, y_pred, weight)
        )
        torch.testing.assert_close(
            loss(ONE_HOT, y_pred, weight), losses.CategoricalCrossentropy()(ONE_HOT, y_pred, weight)
        )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_logits_are_noted_in_compiled_models_too(activation):
    torch.compiler.reset()
    function = activations.get(activation)
    step = torch.compile(lambda x: function(x * 2.0), fullgraph=True, backend="eager")
    torch.testing.assert_close(step(LOGITS)._keras_logits, LOGITS * 2.0)
