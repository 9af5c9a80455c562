"""The scripts in examples/keras3, in the style of Keras 3's code examples, run as `keras-torch run` runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_torch import cli, config, dropin

EXAMPLES = Path(__file__).parents[2] / "examples" / "keras3"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SimpleNamespace]]:
    """Yield a function that runs an example in this process and returns what it left in its namespace."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    monkeypatch.chdir(tmp_path)

    def run_example(name: str) -> SimpleNamespace:
        assert cli.main(["run", str(EXAMPLES / f"{name}.py")]) == 0
        assert config.dialect() == "3"
        return SimpleNamespace(**vars(sys.modules["__main__"]))

    with dropin.install():
        yield run_example


def test_a_u_net_finds_the_pixels_of_shapes_in_files(run, tmp_path):
    pytest.importorskip("PIL")
    script = run("unet_segmentation")
    assert script.history.history["loss"][-1] < 0.2
    assert script.accuracy > 0.85
    assert script.scores["loss"] == pytest.approx(min(script.history.history["val_loss"]), abs=1e-5)
    assert len(list((tmp_path / "images").iterdir())) == 128


def test_triplets_bring_digits_of_one_kind_together(run):
    script = run("siamese_triplets")
    assert script.history.history["loss"][-1] < 0.1
    assert float(script.positive_similarity) > 0.5 > 0.2 > float(script.negative_similarity)


def test_mixtures_of_images_train_a_network(run):
    script = run("mixup_cutmix")
    assert set(script.scores) == {"mix_up", "cut_mix", "layers"}
    assert min(script.scores.values()) > 0.5


def test_rows_of_digits_are_read_without_knowing_where_each_stands(run):
    script = run("ocr_ctc")
    assert script.history.history["val_loss"][-1] < 0.1 * script.history.history["val_loss"][0]
    assert script.accuracy > 0.7


def test_a_torch_loop_teaches_a_model_to_enlarge_digits(run):
    pytest.importorskip("PIL")
    script = run("super_resolution")
    assert script.psnrs[-1] > script.bicubic_psnr + 0.5
    assert script.difference < 1e-6
    assert script.bigger.shape == (1, 16, 16, 1)


def test_a_small_gpt_writes_sentences_of_the_grammar(run):
    script = run("mini_gpt")
    assert script.history.history["loss"][-1] < 0.4
    assert script.text_gen_callback.texts[-1].startswith("the cat ")
    assert any(f" {verb} " in script.text_gen_callback.texts[-1] for verb in script.verbs)


def test_an_encoder_and_a_decoder_with_attention_sort_numbers(run):
    script = run("seq2seq_attention")
    assert script.history.history["val_masked_accuracy"][-1] > 0.9
    assert script.right > 0.6
    assert np.array_equal(script.translated, script.again)


def test_names_and_places_are_tagged(run):
    script = run("named_entities")
    assert script.history.history["val_loss"][-1] < 0.05
    assert script.accuracy > 0.97


def test_low_rank_matrices_adapt_a_transformer_to_other_words(run):
    script = run("lora_text_classification")
    assert script.history.history["val_accuracy"][-1] > 0.8
    assert script.after[1] > script.before[1] + 0.2
    assert script.unchanged
    assert script.trainable == [
        "bias", "bias", "lora_embeddings_a", "lora_embeddings_b",
        "lora_kernel_a", "lora_kernel_a", "lora_kernel_b", "lora_kernel_b",
    ]  # fmt: skip
    assert script.difference < 1e-5


def test_anomalies_are_found_and_a_series_is_forecast(run):
    script = run("timeseries_anomaly")
    assert script.history.history["loss"][-1] < 0.1
    assert 190 <= min(script.anomalous_data_indices) <= max(script.anomalous_data_indices) <= 215
    assert script.error == pytest.approx(min(script.forecasts.history["val_loss"]), abs=1e-5)
    assert script.error < 0.1


def test_a_graph_of_roads_foresees_speeds(run):
    script = run("traffic_forecasting")
    assert script.history.history["loss"][-1] < 0.1
    assert script.model_mse < 0.6 * script.naive_mse


def test_a_variational_autoencoder_learns_digits(run):
    script = run("vae")
    losses = script.history.history["total_loss"]
    assert losses[-1] < 28 < losses[0]
    assert script.figure.max() > 0.5
    assert script.z_mean.shape == (len(script.digits), 2)


def test_a_generator_draws_the_digit_that_it_is_told(run):
    script = run("conditional_gan")
    assert set(script.history.history) == {"d_loss", "g_loss"}
    assert script.right >= 0.5
    assert script.resemblance.max() > 0.6


def test_points_of_a_spiral_come_out_of_noise(run):
    script = run("ddpm")
    assert script.history.history["loss"][-1] < 0.42
    assert script.generated_distance < 0.6 * script.noise_distance


def test_codes_of_a_book_stand_for_parts_of_digits(run):
    script = run("vq_vae")
    assert script.history.history["val_loss"][-1] < 0.05
    assert script.error < 0.12
    assert script.used > 8
    assert script.total == script.pairs.shape[1]


def test_a_flow_maps_moons_to_a_gaussian_and_back(run):
    script = run("real_nvp")
    losses = script.history.history["loss"]
    assert losses[-1] < losses[0] - 0.3
    assert script.history.history["val_loss"][-1] == pytest.approx(losses[-1], abs=0.3)
    assert script.roundtrip < 1e-3
    assert 0.5 < script.z_std < 1.5


def test_gated_networks_choose_among_columns(run):
    script = run("tabular_gated_residual")
    assert script.accuracy > 0.85
    assert script.auc > 0.93
    assert script.probability > 0.8


def test_a_feature_space_prepares_columns(run):
    script = run("tabular_feature_space")
    assert script.accuracy > 0.85
    assert script.probability > 0.9
    assert script.difference == 0
    assert script.transformer_history.history["val_accuracy"][-1] > 0.8


def test_a_pole_is_balanced_longer_and_longer(run):
    script = run("ppo_cartpole")
    assert max(script.mean_returns[-2:]) > 1.5 * script.mean_returns[0]


def test_citations_tell_the_subject_of_papers(run):
    script = run("graph_attention")
    assert script.history.history["acc"][-1] > 0.8
    assert script.test_accuracy > 0.6


def test_messages_between_atoms_tell_molecules_apart(run):
    script = run("message_passing")
    assert script.history.history["val_AUC"][-1] > 0.9
    assert script.history.history["loss"][-1] < 0.5


def test_a_student_learns_from_a_teacher(run):
    script = run("knowledge_distillation")
    assert script.teacher_scores["sparse_categorical_accuracy"] > 0.8
    assert script.distilled_scores["sparse_categorical_accuracy"] > 0.7
    assert script.teacher_unchanged


def test_two_views_of_an_image_are_enough_to_learn_from(run):
    script = run("simsiam")
    assert script.history.history["loss"][-1] < -0.25
    assert script.collapse > 0.05
    assert script.accuracy > 0.7


def test_hidden_patches_are_guessed_and_the_encoder_is_used_again(run):
    script = run("masked_autoencoder")
    assert script.history.history["val_loss"][-1] < 0.08
    assert set(script.history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert script.probe.history["val_accuracy"][-1] > 0.7
    assert len(script.downstream.trainable_variables) == 2
