"""Attention layers: masks that travel, kernels, configs and files of other Keras versions, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend

import keras_torch as keras
from keras_torch import config, layers, models

HEADS = {
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 3},
    "GroupQueryAttention": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
}


@pytest.fixture(params=sorted(HEADS))
def heads(request) -> layers.Layer:
    return getattr(layers, request.param)(**HEADS[request.param])


def built_model(layer: layers.Layer, **options) -> tuple[models.Model, list[torch.Tensor]]:
    query, value = layers.Input((3, 4)), layers.Input((None, 4))
    model = models.Model([query, value], layer(query, value, **options))
    return model, [torch.randn(2, 3, 4), torch.randn(2, 5, 4)]


def test_symbolic_shapes_are_those_of_real_outputs(heads: layers.Layer) -> None:
    model, data = built_model(heads, return_attention_scores=True)
    output, scores = model(data)
    assert [tuple(t.shape) for t in model.outputs] == [(None, 3, 4), (None, scores.shape[1], 3, None)]
    assert tuple(output.shape) == (2, 3, 4)
    assert tuple(scores.shape[2:]) == (3, 5)
    torch.testing.assert_close(heads(*data), output)


def test_a_layer_comes_back_from_its_config_pickle_and_file(heads: layers.Layer, tmp_path) -> None:
    model, data = built_model(heads)
    twin = type(heads).from_config(heads.get_config())
    assert twin.get_config() == heads.get_config()
    torch.testing.assert_close(pickle.loads(pickle.dumps(heads))(*data), heads(*data))
    model.save(tmp_path / "model.h5")
    torch.testing.assert_close(models.load_model(tmp_path / "model.h5", compile=False)(data), model(data))


@pytest.mark.parametrize("options", [{}, {"use_causal_mask": True}, {"return_attention_scores": True}])
def test_a_layer_compiles_without_graph_breaks(heads: layers.Layer, options: dict) -> None:
    torch.compiler.reset()
    model, data = built_model(heads, **options)
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="eager")(data), model(data))


def test_masks_of_all_inputs_count_and_the_querys_goes_on(tmp_path) -> None:
    tokens, others = np.array([[1, 2, 0, 0], [3, 1, 2, 0]]), np.array([[4, 1, 0], [0, 0, 2]])
    query_input, value_input = layers.Input((4,)), layers.Input((3,))
    embed = layers.Embedding(5, 4, mask_zero=True)
    layer = layers.MultiHeadAttention(2, 3)
    output = layer(embed(query_input), embed(value_input))
    model = models.Model([query_input, value_input], output)
    query, value = embed(tokens), embed(others)
    allowed = (tokens != 0)[:, :, None] & (others != 0)[:, None]
    plain = [torch.tensor(t.detach().numpy()) for t in (query, value)]
    expected = layer(*plain, attention_mask=allowed)
    torch.testing.assert_close(layer(query, value), expected)
    torch.testing.assert_close(model([tokens, others]), expected)
    model.save(tmp_path / "model.h5")
    loaded = models.load_model(tmp_path / "model.h5", compile=False)
    copied = models.clone_model(model)
    copied.set_weights(model.get_weights())
    for item in (loaded, copied):
        torch.testing.assert_close(item([tokens, others]), expected)
    assert torch.equal(layer(query, value)._keras_mask, torch.tensor(tokens != 0))
    explicit = layer(*plain, query_mask=tokens != 0, value_mask=others != 0)
    torch.testing.assert_close(explicit, expected)


def test_a_query_that_may_attend_to_nothing_gets_the_mean_and_finite_gradients() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    query, value = torch.randn(1, 2, 4), torch.randn(1, 5, 4, requires_grad=True)
    mask = torch.tensor([[[True] * 5, [False] * 5]])
    output = layer(query, value, attention_mask=mask)
    mean = layer.output_dense(layer.value_dense(value).mean(1, keepdim=True))
    torch.testing.assert_close(output[:, 1:], mean)
    (found,) = torch.autograd.grad(output[:, 1].sum(), value, retain_graph=True)
    (expected,) = torch.autograd.grad(mean.sum(), value)
    torch.testing.assert_close(found, expected)


def test_weights_and_the_fused_kernel_agree(heads: layers.Layer) -> None:
    query, value = torch.randn(2, 6, 4), torch.randn(2, 6, 4)
    allowed = torch.rand(2, 6, 6) > 0.3
    allowed[:, :, 0] = True
    for options in ({}, {"use_causal_mask": True}, {"attention_mask": allowed}):
        fused = heads(query, value, **options)
        openly, weights = heads(query, value, return_attention_scores=True, **options)
        torch.testing.assert_close(fused, openly)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


def test_dropout_keeps_the_mean_and_a_seed_repeats_it() -> None:
    x = torch.randn(1, 64, 8)
    layer = layers.MultiHeadAttention(2, 4, dropout=0.5)
    layer(x, x)
    many = torch.stack([layer(x, x, training=True) for _ in range(500)]).mean(0)
    torch.testing.assert_close(many, layer(x, x), atol=0.15, rtol=0)
    seeded = [layers.MultiHeadAttention(2, 4, dropout=0.5, seed=3) for _ in range(2)]
    for item in seeded:
        item(x, x)
        item.set_weights(layer.get_weights())
    torch.testing.assert_close(seeded[0](x, x, training=True), seeded[1](x, x, training=True))
    additive = layers.Attention(dropout=0.5)
    assert not torch.allclose(additive([x, x], training=True), additive([x, x]))


def test_an_explicit_mask_with_heads_joins_the_masks_of_inputs() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    x = torch.randn(2, 4, 4)
    steps = torch.tensor([[True, True, True, False]] * 2)
    everywhere = torch.ones(2, 2, 4, 4, dtype=torch.bool)
    found = layer(x, x, attention_mask=everywhere, value_mask=steps)
    torch.testing.assert_close(found, layer(x, x, value_mask=steps))


def test_keras_2_15_had_causal_in_the_constructor() -> None:
    x = torch.randn(2, 4, 3)
    layer = layers.Attention(causal=True)
    torch.testing.assert_close(layer([x, x]), layers.Attention()([x, x], use_causal_mask=True))
    assert layers.Attention.from_config(layer.get_config()).causal


def test_a_config_of_keras_2_15_builds_the_layer_and_ours_for_it_holds_the_shapes() -> None:
    with config.dialect_scope("tf"):
        layer = layers.MultiHeadAttention(2, 3)
        layer(torch.ones(1, 2, 4), torch.ones(1, 3, 4))
        written = layer.get_config()
    assert (written["query_shape"], written["key_shape"]) == ((1, 2, 4), (1, 3, 4))
    shapes = {
        name: {"class_name": "TensorShape", "items": [None, 2, 4]}
        for name in ("query_shape", "value_shape", "key_shape")
    }
    twin = layers.MultiHeadAttention.from_config({**written, **shapes})
    assert [w.shape for w in twin.weights] == [w.shape for w in layer.weights]
    assert "query_shape" not in layer.get_config()


def test_the_flash_setting_chooses_kernels(monkeypatch) -> None:
    chosen = []
    module = "keras_torch.layers.headed_attention.sdpa_kernel"
    real = torch.nn.attention.sdpa_kernel
    monkeypatch.setattr(module, lambda kinds: (chosen.append(kinds), real(kinds))[1])
    x = torch.randn(1, 4, 8)
    layers.MultiHeadAttention(2, 4)(x, x)
    assert chosen == []
    assert keras.config.is_flash_attention_enabled() is None
    try:
        keras.config.enable_flash_attention()
        layer = layers.MultiHeadAttention(2, 4)
        layer(x, x)
        assert chosen == [SDPBackend.FLASH_ATTENTION]
        with pytest.raises(ValueError, match="`return_attention_scores` must be False"):
            layer(x, x, return_attention_scores=True)
        with pytest.raises(ValueError, match="`dropout` must be 0"):
            layers.MultiHeadAttention(2, 4, dropout=0.1)
        keras.config.disable_flash_attention()
        layers.MultiHeadAttention(2, 4)(x, x)
        assert SDPBackend.FLASH_ATTENTION not in chosen[1]
    finally:
        config._settings.pop("flash_attention", None)


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_any_batch_and_dtype_will_do(heads: layers.Layer, batch: int, dtype: str) -> None:
    layer = type(heads).from_config({**heads.get_config(), "dtype": dtype})
    x = torch.randn(batch, 3, 4)
    for options in ({}, {"use_causal_mask": True}, {"attention_mask": torch.ones(batch, 3, 3)}):
        output = layer(x, x, **options)
        assert (output.dtype, tuple(output.shape)) == (config.torch_dtype(dtype), (batch, 3, 4))
    assert layers.Attention(dtype=dtype)([x, x], mask=[None, torch.ones(batch, 3)]).dtype == output.dtype


def test_projections_are_ordinary_linear_modules_seen_in_keras_shapes() -> None:
    layer = layers.MultiHeadAttention(2, 3, name="mha")
    layer(torch.ones(1, 2, 5), torch.ones(1, 2, 4))
    assert layer.query_dense.linear.weight.shape == (6, 5)
    assert [(w.path, tuple(w.shape)) for w in layer.weights][::2] == [
        ("mha/query/kernel", (5, 2, 3)),
        ("mha/key/kernel", (4, 2, 3)),
        ("mha/value/kernel", (4, 2, 3)),
        ("mha/attention_output/kernel", (2, 3, 5)),
    ]
    assert layer.query_dense.kernel.value.data_ptr() == layer.query_dense.linear.weight.data_ptr()


def test_activity_of_the_projections_is_penalized() -> None:
    layer = layers.MultiHeadAttention(1, 2, activity_regularizer="l2", kernel_regularizer="l2")
    x = torch.randn(1, 3, 2)
    layer(x, x)
    assert len(layer.losses) == 8


X, M = torch.ones(2, 3, 4), torch.ones(2, 5)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: layers.MultiHeadAttention(0, 3), ValueError, "`num_heads`"),
        (lambda: layers.MultiHeadAttention(2, -1), ValueError, "`key_dim`"),
        (lambda: layers.MultiHeadAttention(2, 3, value_dim=1.5), ValueError, "`value_dim`"),
        (lambda: layers.MultiHeadAttention(2, 3, dropout=2), ValueError, "`rate`"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), ValueError, "`sliding_window`"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape=-2), ValueError, "`output_shape`"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes="1"), ValueError, "`attention_axes`"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=2)(X, X), ValueError, "`attention_axes`"),
        (lambda: layers.MultiHeadAttention(2, 3)(X, X, torch.ones(2, 2, 4)), ValueError, "`value` and `key`"),
        (lambda: layers.MultiHeadAttention(2, 3)(X, X, value_mask=M), ValueError, "mask must have the shape"),
        (
            lambda: layers.MultiHeadAttention(2, 3)(X, X, attention_mask=torch.ones(2, 3, 5)),
            *(ValueError, r"`attention_mask` must have the shape \(batch, 3, 3\)"),
        ),
        (lambda: layers.GroupQueryAttention(3, 4, 3), ValueError, "multiple of `num_key_value_heads`"),
        (lambda: layers.GroupQueryAttention(0, 4, 2), ValueError, "`head_dim`"),
        (lambda: layers.GroupQueryAttention(3, 4, 2)(X[None], X[None]), ValueError, "batch, steps, features"),
        (lambda: layers.Attention(score_mode="sum"), ValueError, "`score_mode`"),
        (lambda: layers.Attention(dropout=-1), ValueError, "`rate`"),
        (lambda: layers.Attention()(X), ValueError, "list of tensors"),
        (lambda: layers.Attention()([X]), ValueError, "list of tensors"),
        (lambda: layers.Attention()([X, X], mask=[None]), ValueError, "`mask` must be a list"),
        (lambda: layers.Attention()([X, X], mask=[None, M]), ValueError, "`mask` must have the shape"),
        (lambda: layers.AdditiveAttention().build([(2, 3, None), (2, 3, 4)]), ValueError, "known size"),
        (lambda: layers.ReversibleEmbedding(3, 2, logit_soft_cap=0), ValueError, "`logit_soft_cap`"),
    ],
)
def test_bad_arguments_are_refused(make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("tied", [True, False])
def test_an_embedding_runs_backwards_in_a_model(tied: bool) -> None:
    embedding = layers.ReversibleEmbedding(5, 3, tie_weights=tied, mask_zero=True, reverse_dtype="float64")
    tokens = layers.Input((4,), dtype="int32")
    hidden = embedding(tokens)
    logits = embedding(hidden, reverse=True)
    assert (logits.shape, logits.dtype) == ((None, 4, 5), "float64")
    assert hidden._keras_mask.shape == (None, 4)
    assert getattr(logits, "_keras_mask", None) is None
    model = models.Model(tokens, logits)
    data = np.array([[0, 1, 2, 4]])
    table = embedding.embeddings.numpy().astype("float64")
    back = table.T if tied else embedding.reverse_embeddings.numpy()
    np.testing.assert_allclose(model(data).detach(), table[data] @ back, rtol=1e-6)
    assert torch.equal(embedding(data)._keras_mask, torch.tensor(data != 0))


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_returned_weights_are_those_after_the_dropout(name: str) -> None:
    layer = getattr(layers, name)(dropout=0.5, use_scale=False, seed=1)
    # Equal scores: each weight is 1/8 before the dropout.
    query, value, key = torch.zeros(2, 5, 3), torch.randn(2, 8, 3), torch.zeros(2, 8, 3)
    output, weights = layer([query, value, key], return_attention_scores=True, training=True)
    torch.testing.assert_close(weights @ value, output)
    assert sorted(set(weights.flatten().tolist())) == [0.0, 0.25]
    _, weights = layer([query, value, key], return_attention_scores=True, training=False)
    torch.testing.assert_close(weights, torch.full((2, 5, 8), 0.125))


def test_a_number_says_whether_attention_is_causal(heads: layers.Layer) -> None:
    data = torch.randn(2, 3, 4)
    torch.testing.assert_close(heads(data, data, use_causal_mask=1), heads(data, data, use_causal_mask=True))
    torch.testing.assert_close(heads(data, data, use_causal_mask=0), heads(data, data))


def test_a_size_of_the_values_of_zero_meant_that_of_the_keys_in_tensorflow() -> None:
    with pytest.raises(ValueError, match="`value_dim`"):
        layers.MultiHeadAttention(2, 3, value_dim=0)
    with config.dialect_scope("tf"):
        assert layers.MultiHeadAttention(2, 3, value_dim=0).value_dim == 3


@pytest.mark.parametrize("argument", ["num_heads", "key_dim", "value_dim"])
@pytest.mark.parametrize("value", [1.5, -1])
def test_numbers_of_heads_and_sizes_are_positive_integers(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`"):
        layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, argument: value})


def test_the_projections_have_the_names_that_they_have_in_keras() -> None:
    layer = layers.MultiHeadAttention(2, 3, use_gate=True)
    layer.build((1, 2, 4), (1, 2, 4))
    for name in ("query", "key", "value", "gate", "output"):
        assert getattr(layer, f"_{name}_dense") is getattr(layer, f"{name}_dense")
    assert tuple(layer._query_dense.kernel.shape) == (4, 2, 3)


@pytest.mark.parametrize("causal", [False, True])
def test_a_subclass_may_attend_in_its_own_way(causal: bool) -> None:
    class Short(layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None):
            self.seen = attention_mask, training
            return super()._compute_attention(query, key, value, attention_mask, training)

    class Long(layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, *args, **kwargs):
            self.seen = args
            return super()._compute_attention(query, key, value, *args, **kwargs)

    class Longer(Long):
        pass

    data = torch.randn(2, 3, 4)
    own = layers.MultiHeadAttention(2, 3)
    expected = own(data, data, use_causal_mask=causal)
    for cls in (Short, Long, Longer):
        layer = cls(2, 3)
        layer.build((2, 3, 4), (2, 3, 4))
        layer.set_weights(own.get_weights())
        torch.testing.assert_close(layer(data, data, use_causal_mask=causal), expected)
        assert (layer.seen[0] is not None) == causal
        assert layer.seen[1] is False
    output, weights = layer(data, data, return_attention_scores=True)
    assert (tuple(output.shape), tuple(weights.shape)) == ((2, 3, 4), (2, 2, 3, 3))


def test_an_explicit_mask_and_a_causal_one_hold_together(heads: layers.Layer) -> None:
    heads.build((2, 3, 4), (2, 3, 4))
    data = torch.randn(2, 3, 4)
    projected = heads.query_dense(data), heads.key_dense(data), heads.value_dense(data)
    mask = torch.ones(2, 3, 3, dtype=torch.bool)
    mask[:, :, 1] = False
    both = mask & torch.ones(3, 3, dtype=torch.bool).tril()
    for openly in (False, True):
        found, _ = heads._compute_attention(*projected, mask, False, openly, use_causal_mask=True)
        expected, _ = heads._compute_attention(*projected, both, False, openly)
        torch.testing.assert_close(found, expected)
