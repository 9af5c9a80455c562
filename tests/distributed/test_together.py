"""What processes that train together share, and what each has for itself."""

import numpy as np
import pytest


def check(found, name):
    for each in found:
        failed = next((text for text in each.values() if isinstance(text, str)), None)
        assert name in each and not isinstance(each[name], str), failed
    return [each[name] for each in found]


def same(first, second):
    return all(map(np.array_equal, first, second))


def test_a_step_takes_one_message_and_so_does_an_epochs_log(two):
    # Two epochs of 6 steps, each with one message for the log and one for whether any process stops.
    for found in check(two, "messages"):
        assert found["plain"] == 2 * (6 + 1 + 1)
        assert found["validated"] == 2 * (3 + 1 + 1 + 1)
        assert found["accumulated"] == 2 * (2 + 1 + 1)


def test_processes_drop_different_units_and_share_all_other_random_numbers(two):
    first, second = check(two, "dropout")
    assert first["masks"] != second["masks"]
    assert len({str(mask) for mask in first["masks"]}) == len(first["masks"])
    assert same(first["weights"], second["weights"])
    assert first["random"] == second["random"]


def test_all_processes_stop_when_one_wants_to(two):
    for ends, steps in check(two, "stops"):
        assert ends == [2, 1]
        assert steps == 2 * 6 + 4


def test_averages_of_batch_normalization_are_equal_after_an_epoch(two):
    first, second = check(two, "buffers")
    assert same(first["weights"], second["weights"])
    assert not np.allclose(first["moving"], 1)


def test_weights_and_random_numbers_begin_as_in_the_first_process(two):
    first, second = check(two, "first_weights")
    assert same(first["weights"], second["weights"])
    assert first["history"] == second["history"]


def test_there_is_one_set_of_files_and_all_processes_can_read_them(two):
    first, second = check(two, "files")
    assert first["there"] == second["there"] == ["at_1.keras", "at_2.keras", "log.csv", "whole.h5"]
    assert first["same"] and second["same"]
    assert first["rows"] == 3
    assert "Epoch 2/3" in first["text"] and "stopping" in first["text"]
    assert second["text"] == ""


def test_a_training_that_is_begun_again_ends_as_if_nothing_had_happened(two):
    for found, expected in zip(check(two, "continued"), check(two, "undisturbed"), strict=True):
        assert same(found["weights"], expected["weights"])
        for name, values in expected["history"].items():
            np.testing.assert_allclose(found["history"][name], values, rtol=1e-6)


def test_a_distribution_knows_its_processes_and_splits_tensors_among_them(two):
    first, second = check(two, "distribution")
    assert first["devices"] == second["devices"] == ["cpu:0", "cpu:1"]
    assert (first["rank"], second["rank"]) == (0, 1)
    assert (first["local"], second["local"]) == ([[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]])


def test_replicas_of_a_strategy_divide_data_and_sum_gradients_once(two):
    first, second = check(two, "strategy")
    assert (first["rows"], second["rows"]) == ([[0, 1], [3, 4], [6]], [[2], [5], []])
    assert first["fitted"] == second["fitted"] and first["steps"] == second["steps"] == 2 * (4 + 2)
    assert (first["turns"], second["turns"]) == ([[0, 1], [4, 5]], [[2, 3], [6]])
    for found in (first, second):
        assert found["variable"] == [-6.0]
        assert found["seen"] == [(False, 0.5)] * 2 and found["outside"]
        assert (found["sum"], found["mean"], found["gathered"]) == (1.0, pytest.approx(1 / 3), [0.0, 0.0, 1.0])
