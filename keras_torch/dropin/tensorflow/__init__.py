"""The module `tensorflow` as scripts use it beside `tensorflow.keras`: functions of torch under TensorFlow's names.

`table` joins the topics, one file each; `refusals` says what is not here, and what to use. Functions take real and
symbolic tensors alike, and their results are plain tensors of torch; `tensor_methods` gives those TensorFlow's methods
while the hook is in place.
"""

from __future__ import annotations

from keras_torch.dropin.tensorflow.parts import VERSIONS, Part, forget, is_package, load

__all__ = ["VERSIONS", "Part", "forget", "is_package", "load"]
