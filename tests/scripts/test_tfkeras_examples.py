"""The scripts in examples/tfkeras, in the style of code examples for tf.keras, run as `keras-torch run` runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_torch import cli, config, dropin

EXAMPLES = Path(__file__).parents[2] / "examples" / "tfkeras"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SimpleNamespace]]:
    """Yield a function that runs an example in this process and returns what it left in its namespace."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.chdir(tmp_path)

    def run_example(name: str) -> SimpleNamespace:
        assert cli.main(["run", str(EXAMPLES / f"{name}.py"), str(tmp_path)]) == 0
        assert config.dialect() == "tf"
        return SimpleNamespace(**vars(sys.modules["__main__"]))

    with dropin.install():
        yield run_example
        functions_run_eagerly(False)


def functions_run_eagerly(flag: bool) -> None:
    import tensorflow as tf

    tf.config.run_functions_eagerly(flag)


def test_images_of_two_folders_are_classified(run, tmp_path):
    pytest.importorskip("PIL")
    script = run("image_classification_from_directory")
    assert script.num_skipped == 1
    assert script.class_names == ["circle", "cross"]
    assert script.history.history["val_accuracy"][-1] > 0.85
    assert script.score > 0.6
    assert (tmp_path / f"save_at_{script.epochs}.h5").exists()


def test_a_u_net_finds_discs(run):
    script = run("unet_segmentation")
    assert script.history.history["loss"][-1] < 0.3
    assert script.mean_iou > 0.55


def test_a_vision_transformer_classifies_digits(run):
    script = run("vision_transformer")
    assert script.history.history["loss"][-1] < 0.6 * script.history.history["loss"][0]
    assert script.accuracy > 0.75
    assert script.top_3_accuracy > 0.9


def test_a_siamese_network_learns_distances_from_triplets(run):
    script = run("siamese_triplet")
    assert script.history.history["val_loss"][-1] < 0.5 * script.history.history["loss"][0]
    assert script.positive_similarity > script.negative_similarity + 0.15


def test_heatmaps_and_integrated_gradients_show_where_a_network_looks(run):
    script = run("grad_cam")
    assert script.accuracy > 0.9
    assert np.mean(script.hits) > 0.9
    assert script.explained == pytest.approx(script.difference, rel=0.1)


def test_a_model_of_raw_strings_tells_good_reviews_from_bad_ones(run):
    script = run("text_classification_from_scratch")
    assert script.test_accuracy > 0.95
    assert script.end_to_end_results == pytest.approx([script.test_loss, script.test_accuracy], abs=1e-5)
    assert script.opinions[0, 0] > 0.9 and script.opinions[1, 0] < 0.1


def test_a_transformer_translates_words_into_digits(run):
    script = run("neural_machine_translation")
    assert script.history.history["val_accuracy"][-1] > 0.97
    right = [decoded == digits for _, decoded, digits in script.translated]
    assert np.mean(right) > 0.9


def test_names_are_tagged_in_sentences_of_unequal_length(run):
    script = run("ner_transformer")
    assert script.history.history["loss"][-1] < 0.05
    assert script.accuracy > 0.98
    assert script.tagged.tolist() == [1, 0, 0, 2]


def test_text_is_written_by_characters(run):
    script = run("character_generation")
    assert script.exp_mean_loss == pytest.approx(len(script.vocab), rel=0.2)
    assert script.history.history["loss"][-1] < 0.3
    assert [len(line) for line in script.written] == [47, 47]
    assert script.known > 0.9


def test_an_lstm_forecasts_better_than_what_is_now(run):
    script = run("timeseries_forecasting")
    assert script.best["loss"] == pytest.approx(min(script.history.history["val_loss"]), abs=1e-5)
    assert script.best["loss"] < 0.05 < script.unchanged["loss"]


def test_an_autoencoder_finds_the_anomaly(run):
    script = run("timeseries_anomaly_detection")
    assert script.history.history["val_loss"][-1] < 0.1
    found = script.anomalous_data_indices
    assert found and set(found) <= set(range(595, 625)) and len(found) > 10


def test_a_variational_autoencoder_trains_by_its_own_step(run):
    script = run("variational_autoencoder")
    history = script.history.history
    assert set(history) == {"loss", "reconstruction_loss", "kl_loss"}
    assert history["loss"][-1] < 27 < 35 < history["loss"][0]
    assert history["loss"][-1] == pytest.approx(history["reconstruction_loss"][-1] + history["kl_loss"][-1], abs=1e-3)
    assert script.codes.std(axis=0).max() > 0.3
    assert script.figure.shape == (32, 32) and 0.2 < script.figure.mean() < 0.45


def test_a_wasserstein_gan_comes_closer_to_rings(run, tmp_path):
    pytest.importorskip("PIL")
    script = run("wgan_gp")
    assert set(script.history.history) == {"d_loss", "g_loss"}
    assert script.cbk.distances[-1] < 0.85 * script.cbk.distances[0]
    assert (tmp_path / "generated_img_5.png").exists()


def test_blobs_are_drawn_by_removing_noise(run):
    script = run("denoising_diffusion")
    assert script.history.history["n_loss"][-1] < 0.5 * script.history.history["n_loss"][0]
    assert script.generated_images.mean() == pytest.approx(script.blobs.mean(), abs=0.12)


def test_a_normalizing_flow_is_inverted(run):
    script = run("real_nvp")
    assert script.history.history["val_loss"][-1] < 2.5 < script.history.history["loss"][0]
    assert script.error < 1e-4
    assert np.median(script.nearest) < 0.15


def test_a_table_is_preprocessed_inside_the_model(run):
    script = run("structured_data_classification")
    assert script.history.history["val_accuracy"][-1] > 0.85
    assert script.history.history["val_auc"][-1] > 0.9
    assert script.probability > 0.95
    assert script.again == pytest.approx(script.probability, abs=1e-6)


def test_films_are_recommended_and_training_goes_on_in_a_loop(run):
    script = run("collaborative_filtering")
    assert script.history.history["val_rmse"][-1] < 0.15
    assert script.gain > 0.2
    assert script.loop_losses[-1] < script.loop_losses[0] < 0.01


def test_an_actor_and_a_critic_balance_a_pole(run):
    script = run("actor_critic_cartpole")
    assert script.running_rewards[-1] > 30
    assert script.episode_count < script.max_episodes


def test_a_graph_network_tells_topics(run):
    script = run("graph_convolution")
    assert script.history.history["acc"][-1] > 0.6
    assert script.test_accuracy > 0.65


def test_a_student_learns_from_its_teacher(run):
    script = run("knowledge_distillation")
    assert set(script.history.history) == {"sparse_categorical_accuracy", "student_loss", "distillation_loss"}
    assert script.teacher_accuracy > 0.75
    assert script.distilled["sparse_categorical_accuracy"] > 0.75
