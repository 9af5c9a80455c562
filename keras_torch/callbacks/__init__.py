"""Callbacks: objects that act at certain moments of training, evaluation and prediction."""

from keras_torch import registry
from keras_torch.callbacks import experimental
from keras_torch.callbacks.backup_and_restore import BackupAndRestore
from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.callback_list import CallbackList
from keras_torch.callbacks.checkpoint import ModelCheckpoint
from keras_torch.callbacks.csv_logger import CSVLogger
from keras_torch.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from keras_torch.callbacks.history import BaseLogger, History
from keras_torch.callbacks.lambda_callback import LambdaCallback
from keras_torch.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from keras_torch.callbacks.logs import Logs, MetricDict
from keras_torch.callbacks.progbar import Progbar
from keras_torch.callbacks.progress import ProgbarLogger
from keras_torch.callbacks.remote_monitor import RemoteMonitor
from keras_torch.callbacks.sidecar import SidecarEvaluatorModelExport
from keras_torch.callbacks.swap_ema_weights import SwapEMAWeights
from keras_torch.callbacks.tensorboard import TensorBoard
from keras_torch.callbacks.unavailable import OrbaxCheckpoint

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "MetricDict",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "Progbar",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SidecarEvaluatorModelExport",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "experimental",
]

registry.callbacks.add(
    [
        BackupAndRestore, BaseLogger, CSVLogger, EarlyStopping, History, LambdaCallback, LearningRateScheduler,
        ModelCheckpoint, OrbaxCheckpoint, ProgbarLogger, ReduceLROnPlateau, RemoteMonitor, SidecarEvaluatorModelExport,
        SwapEMAWeights, TensorBoard, TerminateOnNaN,
    ]
)  # fmt: skip
