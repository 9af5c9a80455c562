"""Several processes that train one model: who they are, how they meet, what they exchange.

`torchrun` (or `keras-torch run --gpus N`) starts them; `torch.distributed` joins them. Nothing here knows layers.
"""

from keras_torch.distributed.collectives import all_arrays, broadcast, gather_rows, shared_object, sum_over_processes
from keras_torch.distributed.environment import gpu, is_active, is_main, rank, set_sharding, sharding, world_size
from keras_torch.distributed.files import from_main, gather_to_main, main_writes
from keras_torch.distributed.group import data_group, set_data_group, start
from keras_torch.distributed.share import Share, summed, weighted

__all__ = [
    "Share",
    "all_arrays",
    "broadcast",
    "data_group",
    "from_main",
    "gather_rows",
    "gather_to_main",
    "gpu",
    "is_active",
    "is_main",
    "main_writes",
    "rank",
    "set_data_group",
    "set_sharding",
    "sharding",
    "shared_object",
    "start",
    "sum_over_processes",
    "summed",
    "weighted",
    "world_size",
]
