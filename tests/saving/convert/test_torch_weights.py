from __future__ import annotations

import io

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import keras_torch as keras
from keras_torch.saving import load_from_torch, weights_from_torch, weights_to_torch


class Block(nn.Module):
    """The basic block of a ResNet, with torchvision's names."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """ResNet-18 as torchvision shapes and names it."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        sizes = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        for number, (inputs, outputs, stride) in enumerate(sizes, 1):
            setattr(self, f"layer{number}", nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1)))
        self.fc = nn.Linear(512, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def equal(one, other):
    return list(one) == list(other) and all(torch.equal(one[key], other[key]) for key in one)


def randomize(module):
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape) * 100 if tensor.is_floating_point() else torch.tensor(7))
    return module


def test_a_resnet_goes_to_keras_and_back_bit_by_bit(tmp_path):
    module = randomize(ResNet18(10))
    weights_from_torch(module, tmp_path / "resnet.h5")
    with h5py.File(tmp_path / "resnet.h5") as file:
        group = file["layer2.0.downsample.0"]
        np.testing.assert_array_equal(
            group["layer2.0.downsample.0/kernel:0"], module.layer2[0].downsample[0].weight.detach().permute(2, 3, 1, 0)
        )
        assert len(file.attrs["layer_names"]) == 41
    back = ResNet18(10)
    state = weights_to_torch(tmp_path / "resnet.h5", back)
    assert equal(state, module.state_dict())
    assert equal(back.state_dict(), module.state_dict())


def test_a_bare_state_dict_of_a_resnet_gives_the_same_file(tmp_path):
    module = randomize(ResNet18(10))
    torch.save(module.state_dict(), tmp_path / "resnet.pt")
    weights_from_torch(tmp_path / "resnet.pt", tmp_path / "bare.h5")
    back = ResNet18(10)
    assert equal(weights_to_torch(tmp_path / "bare.h5", back), module.state_dict())


IMAGE, SEQUENCE, FLAT = (2, 4, 6, 6), (2, 5, 4), (2, 4)
STANDARD = {
    "linear": (nn.Linear(4, 3), FLAT),
    "linear without bias": (nn.Linear(4, 3, bias=False), FLAT),
    "conv1d": (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 7)),
    "conv2d": (nn.Conv2d(4, 6, (3, 2)), IMAGE),
    "conv3d": (nn.Conv3d(4, 2, 2), (2, 4, 3, 3, 3)),
    "depthwise": (nn.Conv2d(4, 8, 3, groups=4), IMAGE),
    "depthwise 1d": (nn.Conv1d(4, 4, 3, groups=4), (2, 4, 7)),
    "depthwise 3d": (nn.Conv3d(4, 4, 2, groups=4), (2, 4, 3, 3, 3)),
    "transposed 1d": (nn.ConvTranspose1d(4, 3, 3, 2), (2, 4, 7)),
    "transposed 2d": (nn.ConvTranspose2d(4, 4, 3, 2), IMAGE),
    "transposed 3d": (nn.ConvTranspose3d(4, 3, 2), (2, 4, 3, 3, 3)),
    "batch norm": (nn.BatchNorm2d(4), IMAGE),
    "batch norm without weights": (nn.BatchNorm1d(4, affine=False), FLAT),
    "layer norm": (nn.LayerNorm((6, 6)), IMAGE),
    "layer norm without bias": (nn.LayerNorm(4, bias=False), FLAT),
    "rms norm": (nn.RMSNorm(4), FLAT),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
    "instance norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
    "prelu": (nn.PReLU(4), FLAT),
    "one prelu": (nn.PReLU(), FLAT),
    "gru": (nn.GRU(4, 3, batch_first=True), SEQUENCE),
    "gru without bias": (nn.GRU(4, 3, bias=False, batch_first=True), SEQUENCE),
    "lstm without bias": (nn.LSTM(4, 3, bias=False, batch_first=True), SEQUENCE),
    "deep gru": (nn.GRU(4, 3, 3, bidirectional=True, batch_first=True), SEQUENCE),
    "gru cell": (nn.GRUCell(4, 3), FLAT),
    "double": (nn.Linear(4, 3, dtype=torch.float64), FLAT),
}


@pytest.mark.parametrize("name", STANDARD)
def test_standard_modules_come_back_bit_by_bit(name, tmp_path):
    module = randomize(STANDARD[name][0])
    state = {key: value.clone() for key, value in module.state_dict().items()}
    weights_from_torch(module, tmp_path / "w.h5")
    for tensor in module.state_dict().values():
        tensor.zero_()
    assert equal(weights_to_torch(tmp_path / "w.h5", module), state)


@pytest.mark.parametrize(
    "module", [nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True), nn.RNN(4, 3), nn.LSTMCell(4, 3)]
)
def test_the_two_biases_are_summed_and_come_back_in_the_first(module, tmp_path):
    before = {key: value.clone() for key, value in module.state_dict().items()}
    weights_from_torch(module, tmp_path / "w.h5")
    after = weights_to_torch(tmp_path / "w.h5", module)
    for key, value in before.items():
        if "bias_ih" in key:
            assert torch.equal(after[key], value + before[key.replace("_ih", "_hh")])
        elif "bias_hh" in key:
            assert not after[key].any()
        else:
            assert torch.equal(after[key], value)


def names_of(path):
    with h5py.File(path) as file:
        return [name.decode() for name in file.attrs["layer_names"]]


def test_recurrent_modules_compute_the_same_in_keras(tmp_path):
    for kind, layer in ((nn.LSTM, keras.layers.LSTM), (nn.GRU, keras.layers.GRU), (nn.RNN, keras.layers.SimpleRNN)):
        module = kind(4, 3, 2, bidirectional=True, batch_first=True)
        model = keras.Sequential(
            [
                keras.Input((5, 4)),
                keras.layers.Bidirectional(layer(3, return_sequences=True)),
                keras.layers.Bidirectional(layer(3, return_sequences=True)),
            ]
        )
        load_from_torch(model, module)
        x = torch.randn(2, 5, 4)
        torch.testing.assert_close(model(x), module(x)[0])


def test_attention_computes_the_same_in_keras(tmp_path):
    module = nn.MultiheadAttention(6, 2, batch_first=True)
    nn.init.normal_(module.in_proj_bias)
    inputs = keras.Input((5, 6))
    model = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 3)(inputs, inputs))
    load_from_torch(model, module)
    x = torch.randn(2, 5, 6)
    torch.testing.assert_close(model(x), module(x, x, x)[0])
    state = {key: value.clone() for key, value in module.state_dict().items()}
    weights_from_torch(module, tmp_path / "w.h5")
    assert equal(weights_to_torch(tmp_path / "w.h5", module), state)


def test_attention_with_other_sizes_comes_back(tmp_path):
    module = nn.MultiheadAttention(6, 2, bias=False, kdim=3, vdim=5)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    weights_from_torch(module, tmp_path / "w.h5")
    assert equal(weights_to_torch(tmp_path / "w.h5", module), state)


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).eval()


def keras_network():
    return keras.Sequential(
        [
            keras.Input((1, 6, 6)),
            keras.layers.Conv2D(4, 3, data_format="channels_first", name="stem"),
            keras.layers.BatchNormalization(axis=1, epsilon=1e-5),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="head"),
        ]
    )


@pytest.mark.parametrize("names", [None, {"0": "stem", "4": "head"}])
def test_weights_load_into_a_keras_model_in_order_or_by_name(names):
    module, model = randomize(network()), keras_network()
    x = torch.randn(2, 1, 6, 6)
    before = model(x)
    load_from_torch(model, module, names=names)
    if names is None:
        torch.testing.assert_close(model(x), module(x), rtol=1e-4, atol=1e-3)
    else:
        assert not torch.equal(model(x), before)
        np.testing.assert_array_equal(model.get_layer("head").get_weights()[0], module[4].weight.detach().t())


def test_a_function_may_give_the_names(tmp_path):
    weights_from_torch(network(), tmp_path / "w.h5", names=lambda path: f"layer_{path}")
    assert names_of(tmp_path / "w.h5") == ["layer_0", "layer_1", "layer_4", "top_level_model_weights"][:3]


def test_weights_of_a_keras_model_load_into_a_module_in_order(tmp_path):
    model, module = keras_network(), network()
    model.save(tmp_path / "m.h5")
    weights_to_torch(tmp_path / "m.h5", module)
    x = torch.randn(2, 1, 6, 6)
    torch.testing.assert_close(module(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_state_dict_with_its_module_needs_no_guessing(tmp_path):
    module = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3, bias=False), nn.Conv2d(1, 4, 3))
    state = dict(module.state_dict())
    other = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3, bias=False), nn.Conv2d(1, 4, 3))
    untouched = {key: value.clone() for key, value in other.state_dict().items()}
    weights_from_torch(state, tmp_path / "w.h5", module=other)
    assert equal(other.state_dict(), untouched)
    assert equal(weights_to_torch(tmp_path / "w.h5", other), state)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.Linear(3, 2, bias=False), "a Linear without bias, or an Embedding"),
        (nn.Conv2d(1, 4, 3), "a convolution of one channel"),
        (nn.ConvTranspose2d(3, 4, 3), "or a transposed one"),
        (nn.MultiheadAttention(4, 2), "number of heads"),
        (nn.PReLU(3), "a PReLU"),
    ],
)
def test_a_state_dict_that_leaves_a_choice_is_an_error(module, says, tmp_path):
    state = nn.ModuleDict({"part": module}).state_dict()
    with pytest.raises(ValueError, match=f"what 'part' is: .*{says}.*Pass the torch module"):
        weights_from_torch(state, tmp_path / "w.h5")
    assert not (tmp_path / "w.h5").exists()


def test_recurrent_layers_are_told_from_a_state_dict(tmp_path):
    module = nn.ModuleDict(
        {"a": nn.GRU(4, 3, 2, bidirectional=True), "b": nn.LSTM(4, 3, bias=False), "c": nn.GRUCell(4, 3)}
    )
    weights_from_torch(module.state_dict(), tmp_path / "bare.h5")
    state = {key: value.clone() for key, value in module.state_dict().items()}
    assert equal(weights_to_torch(tmp_path / "bare.h5", module), state)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.name = nn.Parameter(torch.randn(1, 3))
        self.register_buffer("ids", torch.arange(4))
        self.head = nn.Linear(3, 2)


def test_tensors_of_other_modules_are_kept_as_they_are(tmp_path):
    module = Own()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    weights_from_torch(module, tmp_path / "w.h5")
    assert names_of(tmp_path / "w.h5") == ["own", "head"]
    for tensor in module.state_dict().values():
        tensor.zero_()
    assert equal(weights_to_torch(tmp_path / "w.h5", module), state)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.LSTM(4, 3, proj_size=2), "no projection"),
        (nn.ConvTranspose2d(4, 4, 3, groups=2), "have no groups"),
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), "add_bias_kv"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), "parametrized"),
        (nn.LazyLinear(3), "call it once"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy")
def test_what_keras_has_no_place_for_is_an_error(module, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        weights_from_torch(module, tmp_path / "w.h5")


def test_what_does_not_fit_leaves_the_module_as_it_was(tmp_path):
    weights_from_torch(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), tmp_path / "w.h5")
    for other in (
        nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3)),
        nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2)),
    ):
        before = {key: value.clone() for key, value in other.state_dict().items()}
        with pytest.raises(ValueError, match="w.h5"):
            weights_to_torch(tmp_path / "w.h5", other)
        assert equal(other.state_dict(), before)


def test_names_must_exist_and_differ(tmp_path):
    with pytest.raises(ValueError, match="'5', which the module lacks"):
        weights_from_torch(network(), tmp_path / "w.h5", names={"5": "x"})
    with pytest.raises(ValueError, match="Two modules get the name 'x'"):
        weights_from_torch(network(), io.BytesIO(), names=lambda path: "x")
