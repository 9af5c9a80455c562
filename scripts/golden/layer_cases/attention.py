"""Attention, with projections and without, and ReversibleEmbedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

_Q, _V, _K = (2, 3, 4), (2, 5, 4), (2, 5, 4)
_QUERY_MASK = np.array([[1, 1, 0], [1, 1, 1]], bool)
_VALUE_MASK = np.array([[1, 1, 0, 0, 1], [1, 1, 1, 1, 0]], bool)
_NOTHING = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 1, 0]], bool)
_ALLOWED = np.random.RandomState(5).random_sample((2, 3, 5)) > 0.4
_ALLOWED[:, :, 0] = True
_SOME = _ALLOWED.copy()
_SOME[0, 1] = False
_SIGNED = (-0.8, 0.8)
_GRADIENTS = ("input", "weight")


def _plain(kind: str) -> dict[str, Case]:
    found: dict[str, Case] = {}
    name = kind.lower()
    for scaled in (False, True):
        arguments = {"use_scale": scaled}
        label = f"{name}-{'scaled' if scaled else 'plain'}"
        found[label] = Case(kind, arguments, [_Q, _V])
        found[f"{label}-key"] = Case(kind, arguments, [_Q, _V, _K])
        found[f"{label}-scores"] = Case(kind, arguments, [_Q, _V, _K], {"return_attention_scores": True})
        found[f"{label}-causal"] = Case(kind, arguments, [_Q, _V], {"use_causal_mask": True})
        masks = {"mask": [_QUERY_MASK, _VALUE_MASK]}
        found[f"{label}-masks"] = Case(kind, arguments, [_Q, _V], masks)
        found[f"{label}-masks-causal"] = Case(kind, arguments, [_Q, _V, _K], {**masks, "use_causal_mask": True})
        travelling = [_QUERY_MASK, _VALUE_MASK]
        found[f"{label}-travelling"] = Case(kind, arguments, [_Q, _V], masks=travelling)
        scores: dict[str, Any] = {"return_attention_scores": True}
        found[f"{label}-travelling-scores"] = Case(kind, arguments, [_Q, _V], scores, masks=travelling)
        nothing = {"mask": [None, _NOTHING]}
        found[f"{label}-all-masked"] = Case(kind, arguments, [_Q, _V], nothing, without=_GRADIENTS)
    # The shape that Keras 2.15 computes for values of another size is the query's.
    found[f"{name}-value-size"] = Case(kind, {}, [_Q, (2, 5, 3), _K], keras=("3.15",))
    found[f"{name}-training"] = Case(kind, {"dropout": 0.0}, [_Q, _V], {"training": True})
    return found


def _concat() -> dict[str, Case]:
    arguments = {"score_mode": "concat"}
    return {
        "concat": Case("Attention", arguments, [_Q, _V, _K]),
        "concat-scaled": Case("Attention", {**arguments, "use_scale": True}, [_Q, _V]),
        "concat-masks": Case("Attention", arguments, [_Q, _V], {"mask": [_QUERY_MASK, _VALUE_MASK]}),
        "attention-deep": Case("Attention", {}, [(2, 2, 3, 4), (2, 2, 5, 4)]),
    }


def _heads(arguments: dict[str, Any], inputs: list[Any], call: Any = None, **more: Any) -> Case:
    options = {"num_heads": 2, "key_dim": 3, **arguments}
    call = call or {}
    if "return_attention_scores" in call:
        # Keras's softmax happens to leave the mask that it got on the weights.
        more = {**more, "without": (*more.get("without", ()), "mask")}
    return Case("MultiHeadAttention", options, inputs, call, spread=True, weights=_SIGNED, **more)


def _multi_head() -> dict[str, Case]:
    scores = {"return_attention_scores": True}
    found: dict[str, Case] = {}
    for label, call in (("", {}), ("-scores", scores)):
        # Keras 3 takes the weights of a query for square.
        newest: Any = {"keras": ("2.15",)} if call else {}
        found[f"heads{label}"] = _heads({}, [_Q, _Q], call)
        found[f"heads-cross{label}"] = _heads({"value_dim": 4}, [_Q, _V], call, **newest)
        found[f"heads-key{label}"] = _heads({"use_bias": False}, [_Q, (2, 5, 4), (2, 5, 2)], call, **newest)
        found[f"heads-causal{label}"] = _heads({}, [_Q, _Q], {**call, "use_causal_mask": True})
        found[f"heads-causal-cross{label}"] = _heads({}, [_Q, _V], {**call, "use_causal_mask": True}, **newest)
        found[f"heads-mask{label}"] = _heads({}, [_Q, _V], {**call, "attention_mask": _ALLOWED})
        # The gradients of queries that may attend to nothing hang on the size of what stands for minus infinity.
        found[f"heads-mask-rows{label}"] = _heads({}, [_Q, _V], {**call, "attention_mask": _SOME}, without=_GRADIENTS)
        rows = {**call, "attention_mask": _SOME}
        found[f"heads-dropout-rows{label}"] = _heads({"dropout": 0.3}, [_Q, _V], rows, keras=("3.15",))
        both = {**call, "attention_mask": _ALLOWED, "use_causal_mask": True}
        found[f"heads-mask-causal{label}"] = _heads({}, [_Q, _V], both)
        found[f"heads-dropout{label}"] = _heads({"dropout": 0.3}, [_Q, _V], {**call, "attention_mask": _ALLOWED})
        window = {"sliding_window": 2}
        found[f"heads-window{label}"] = _heads(window, [_Q, _Q], call, keras=("3.15",))
        found[f"heads-gate{label}"] = _heads({"use_gate": True, "value_dim": 4}, [_Q, _Q], call, keras=("3.15",))
    # Keras 3.15 overlooks an explicit `query_mask`.
    masks = {"value_mask": _VALUE_MASK, "key_mask": _VALUE_MASK[::-1].copy()}
    found["heads-output"] = _heads({"output_shape": 5}, [_Q, _Q], keras=("3.15",))
    found["heads-outputs"] = _heads({"output_shape": (2, 3)}, [_Q, _Q])
    newest = {"keras": ("3.15",), "without": _GRADIENTS}
    travelling: Any = {"masks": [_QUERY_MASK, _VALUE_MASK]}
    found["heads-travelling"] = _heads({}, [_Q, _V], **travelling, without=_GRADIENTS)
    found["heads-travelling-value"] = _heads({}, [_Q, _V], masks=[None, _VALUE_MASK])
    square: Any = {"masks": [_QUERY_MASK, _QUERY_MASK], "without": _GRADIENTS}
    found["heads-travelling-scores"] = _heads({}, [_Q, _Q], scores, **square)
    found["heads-masks"] = _heads({}, [_Q, _V], masks, **newest)
    found["heads-masks-causal"] = _heads({}, [_Q, _V], {**masks, "use_causal_mask": True}, **newest)
    found["heads-masks-scores"] = _heads({}, [_Q, _V], {**masks, **scores}, keras=("3.15",))
    deep = [(2, 3, 2, 4), (2, 5, 2, 4)]
    found["heads-deep"] = _heads({"attention_axes": (1,)}, deep)
    found["heads-deep-second"] = _heads({"attention_axes": 2}, [(2, 3, 2, 4), (2, 3, 5, 4)])
    found["heads-deep-all"] = _heads({}, deep)
    found["heads-deep-scores"] = _heads({"attention_axes": (1, 2)}, deep, scores, keras=("2.15",))
    return found


def _grouped(arguments: dict[str, Any], inputs: list[Any], call: Any = None) -> Case:
    options = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **arguments}
    more: Any = {"spread": True, "weights": _SIGNED, "keras": ("3.15",), "without": ("mask",)}
    return Case("GroupQueryAttention", options, inputs, call or {}, **more)


def _group_query() -> dict[str, Case]:
    return {
        "groups": _grouped({}, [_Q, _V]),
        "groups-one": _grouped({"num_key_value_heads": 1, "use_bias": False}, [_Q, _V, (2, 5, 3)]),
        "groups-all": _grouped({"num_key_value_heads": 4}, [_Q, _Q], {"use_causal_mask": True}),
        "groups-scores": _grouped({}, [_Q, _Q], {"return_attention_scores": True}),
        "groups-mask": _grouped({}, [_Q, _V], {"attention_mask": _ALLOWED}),
        "groups-mask-scores": _grouped(
            {"use_gate": True}, [_Q, _V], {"attention_mask": _ALLOWED, "return_attention_scores": True}
        ),
        "groups-window": _grouped({"sliding_window": 1}, [_Q, _Q], {"use_causal_mask": True}),
    }


def _reversible() -> dict[str, Case]:
    indices, hidden = [np.array([[0, 2, 4], [1, 1, 3]])], [(2, 3, 4)]
    found: dict[str, Case] = {}
    for label, more in (
        ("tied", {}),
        ("untied", {"tie_weights": False}),
        ("capped", {"logit_soft_cap": 2.0, "mask_zero": True}),
    ):
        arguments = {"input_dim": 5, "output_dim": 4, **more}
        found[f"reversible-{label}"] = Case("ReversibleEmbedding", arguments, indices, keras=("3.15",))
        back = {"reverse": True}
        found[f"reversible-{label}-back"] = Case("ReversibleEmbedding", arguments, hidden, back, keras=("3.15",))
    return found


CASES: dict[str, Case] = {
    **_plain("Attention"),
    **_plain("AdditiveAttention"),
    **_concat(),
    **_multi_head(),
    **_group_query(),
    **_reversible(),
}
