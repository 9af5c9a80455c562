"""The scripts in examples/, in the style of Keras 1 and of Keras 2, run as `keras-torch run` runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_torch import cli, config, dropin
from keras_torch.backend.control import forget_learning_phase

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SimpleNamespace]]:
    """Yield a function that runs an example in this process and returns what it left in its namespace."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.chdir(tmp_path)

    def run_example(name: str) -> SimpleNamespace:
        assert cli.main(["run", str(EXAMPLES / name), str(tmp_path)]) == 0
        assert config.dialect() == name[len("keras")]
        return SimpleNamespace(**vars(sys.modules["__main__"]))

    with dropin.install():
        yield run_example
    forget_learning_phase()


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_multilayer_perceptron_learns_digits(run, dialect):
    script = run(f"keras{dialect}/mlp.py")
    assert script.history.history["acc"][-1] > 0.95
    assert script.score[1] > 0.85
    assert np.mean(script.classes == script.data["labels"][1400:]) == pytest.approx(script.score[1], abs=1e-6)


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_stateful_lstm_goes_on_where_it_stopped(run, dialect):
    script = run(f"keras{dialect}/stateful_lstm.py")
    assert script.losses[-1] < 0.6 * script.losses[0]
    assert np.array_equal(script.predicted_output, script.afresh)
    assert not np.allclose(script.predicted_output, script.again, atol=1e-6)
    if dialect == 2:
        assert np.allclose(script.stateless[0], script.afresh[0], atol=1e-6)
        assert not np.allclose(script.stateless, script.afresh, atol=1e-4)


@pytest.mark.parametrize("dialect", [1, 2])
def test_an_encoder_and_a_decoder_learn_to_add(run, dialect):
    script = run(f"keras{dialect}/addition_rnn.py")
    if dialect == 1:
        assert script.accuracies[-1] > 0.6 > 0.5 > script.accuracies[0]
        assert len(script.guess) == script.WRITTEN
    else:
        assert script.right > 0.8
        assert script.history.history["val_acc"][-1] > 0.9
        assert len(script.shown) == len(script.history.epoch)


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_decoder_that_gets_what_the_encoder_read_turns_words_round(run, dialect):
    script = run(f"keras{dialect}/seq2seq.py")
    if dialect == 1:
        assert script.losses[-1] < 0.5 * script.losses[0]
        assert script.right > 0.8
    else:
        right = [text[::-1] + ">" == answer for text, answer in zip(script.input_texts, script.decoded, strict=False)]
        assert sum(right) >= 9
        assert script.history.history["val_loss"][-1] < 0.4


@pytest.mark.parametrize("dialect", [1, 2])
def test_siamese_networks_share_their_weights(run, dialect):
    script = run(f"keras{dialect}/siamese.py")
    assert script.te_acc > 0.85
    assert len(script.model.trainable_weights) == 6
    if dialect == 2:
        pairs = [script.tr_pairs[:, 0], script.tr_pairs[:, 1]]
        assert script.model.evaluate(pairs, script.tr_y, verbose=0)[1] == pytest.approx(script.tr_acc, abs=1e-5)
        assert script.history.history["val_told"][-1] == pytest.approx(script.te_acc, abs=1e-5)


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_variational_autoencoder_learns_by_a_loss_of_inner_tensors(run, dialect):
    script = run(f"keras{dialect}/vae.py")
    losses = script.history.history["val_loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert losses[-1] < 30
    assert script.x_test_encoded.shape == (250, 2)
    assert script.x_test_encoded.std() > 0.3
    if dialect == 2:
        assert script.vae.output_shape == (None, 64)
        assert script.history_2.history["val_loss"][-1] < script.history_2.history["val_loss"][0]
        assert [code.shape for code in script.codes] == [(250, 2)] * 3


@pytest.mark.parametrize("name", ["keras1/acgan.py", "keras2/acgan.py", "keras1/dcgan.py", "keras2/dcgan.py"])
def test_the_discriminator_of_a_gan_stays_as_it_is_while_the_generator_learns(run, name, tmp_path):
    script = run(name)
    assert script.frozen
    assert all(script.frozen)
    files = {path.name for path in tmp_path.iterdir()}
    if name == "keras1/acgan.py":
        assert files >= {"painter_01.hdf5", "critic_01.hdf5", "losses.pkl"}
        assert script.critic.metrics_names == ["loss", "genuine_loss", "kind_loss"]
        assert script.log["critic"][-1][2] < script.log["critic"][0][2]
        assert script.sheet.shape == (80, 16)
    elif name == "keras2/acgan.py":
        assert script.discriminator.metrics_names == ["loss", "real_loss", "kind_loss", "kind_acc"]
        assert script.accuracy > 0.6
        assert script.sheet.shape == (80, 32)
    elif name == "keras1/dcgan.py":
        assert all(script.changed)
        assert script.nice.shape == (16, 1, 8, 8)
        assert ((script.scores >= 0) & (script.scores <= 1)).all()
    else:
        assert files >= {"generator_40.hdf5", "generator.json"}
        assert np.isfinite(script.losses).all()


@pytest.mark.parametrize("dialect", [1, 2])
def test_recurrent_networks_tell_two_kinds_of_reviews(run, dialect):
    script = run(f"keras{dialect}/sentiment_lstm.py")
    assert set(script.scores) == {"lstm", "cnn_lstm", "bidirectional", "stacked" if dialect == 1 else "cnn"}
    assert min(script.scores.values()) > 0.7


@pytest.mark.parametrize("dialect", [1, 2])
def test_text_is_written_and_the_best_weights_are_kept(run, dialect, tmp_path):
    script = run(f"keras{dialect}/text_generation.py")
    checkpoints = sorted(path.name for path in tmp_path.glob("weights*.hdf5"))
    assert checkpoints
    if dialect == 1:
        assert len(script.losses.losses) == 4 * -(-len(script.X) // 64)
        assert min(script.losses.losses) < script.history.history["loss"][0]
        assert all(len(line) == script.maxlen + 20 for line in script.generated.values())
        assert script.difference == 0
    else:
        assert [len(line) for line in script.generated] == [30, 30, 30]
        assert script.history.history["loss"][-1] < 0.7 * script.history.history["loss"][0]
        assert np.allclose(script.best.predict(script.x[:5]), script.model.predict(script.x[:5]), atol=1e-6)
        assert script.word_history.history["acc"][-1] > 0.6


def test_gradient_ascent_shows_what_filters_look_for(run):
    script = run("keras1/conv_filter_visualization.py")
    assert len(script.kept_filters) >= 8
    assert min(script.rises) > 1.2
    assert script.kept_filters[0][0].dtype == np.uint8


def test_gradients_show_what_a_class_is_recognised_by(run):
    script = run("keras2/conv_filter_visualization.py")
    assert all(losses[-1] > losses[0] for _, losses in script.patterns if losses[0] > 0)
    assert script.heatmap.shape == (4, 4)
    assert script.heatmap.max() == 1
    assert script.saliency_map.shape == (1, 8, 8)
    assert script.saliency_map.max() > 0
    assert [activation.shape[1:] for activation in script.activations] == [
        (8, 8, 8), (4, 4, 8), (4, 4, 12), (192,), (10,)
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_network_dreams(run, dialect):
    pytest.importorskip("scipy")
    script = run(f"keras{dialect}/deep_dream.py")
    if dialect == 1:
        assert script.minima == sorted(script.minima, reverse=True)
        assert script.minima[-1] < script.first_loss
    else:
        assert len(script.losses) == 15
        assert script.img.shape == (1, 16, 16, 1)
        assert script.losses[4] > 1.1 * script.losses[0]


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_picture_takes_the_style_of_another(run, dialect):
    pytest.importorskip("scipy")
    script = run(f"keras{dialect}/neural_style_transfer.py")
    assert script.minima == sorted(script.minima, reverse=True)
    assert script.minima[-1] < 0.8 * script.first_loss


def test_frozen_layers_are_transferred_to_other_digits(run):
    script = run("keras1/transfer_learning.py")
    assert script.unchanged
    assert script.first[1] > 0.8
    assert script.second[1] > 0.7
    assert script.full_score[1] > 0.75
    assert abs(script.full_score[1] - script.top_score[1]) < 0.05


def test_a_network_of_applications_is_fine_tuned(run, tmp_path):
    script = run("keras2/transfer_learning.py")
    assert (script.trainable_at_first, script.trainable_later, script.nested_trainable) == (4, 10, 2)
    assert script.base_unchanged
    assert script.lower_unchanged
    assert len((tmp_path / "training.log").read_text().splitlines()) == 4
    assert set(script.history.history) == {"loss", "acc", "val_loss", "val_acc"}
    assert script.difference < 1e-5


def test_a_convolutional_network_learns_from_augmented_digits(run):
    script = run("keras1/cnn_augmentation.py")
    assert script.score[1] > 0.85
    assert len(script.history.history["val_acc"]) == 6
    assert script.last_rate == pytest.approx(0.025)
    assert script.generated.shape == (100, 10)


def test_generators_read_arrays_and_folders(run, tmp_path):
    pytest.importorskip("PIL")
    script = run("keras2/cnn_augmentation.py")
    assert script.scores[1] > 0.85
    assert script.scores[1] == pytest.approx(script.history.history["val_acc"][-1], abs=1e-6)
    assert script.train_generator.class_indices == {"even": 0, "odd": 1}
    assert (script.train_generator.samples, script.validation_generator.samples) == (120, 40)
    assert set(script.binary_history.history) == {"loss", "acc", "val_loss", "val_acc"}
    assert len(list((tmp_path / "preview").glob("digit_*.jpeg"))) == 5
