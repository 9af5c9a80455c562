"""A torch loop over model.parameters() teaches a Keras model to double the size of digits."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import math
from pathlib import Path

import keras
import numpy as np
import torch
from keras import layers, ops

keras.utils.set_random_seed(12)
upscale_factor = 2
batch_size = 32
data = np.load(Path(__file__).parent.parent / "data" / "digits.npz")
high = torch.from_numpy((data["images"][:640, ..., None] / 16.0).astype("float32"))
low = ops.image.resize(high, (4, 4), interpolation="bilinear", antialias=True)
train_dataset = torch.utils.data.TensorDataset(low[:512], high[:512])
valid_dataset = torch.utils.data.TensorDataset(low[512:], high[512:])
train_dataloader = torch.utils.data.DataLoader(train_dataset, batch_size=batch_size, shuffle=True)
valid_dataloader = torch.utils.data.DataLoader(valid_dataset, batch_size=batch_size)


class DepthToSpace(layers.Layer):
    def __init__(self, block_size, **kwargs):
        super().__init__(**kwargs)
        self.block_size = block_size

    def call(self, inputs):
        batch, height, width, depth = ops.shape(inputs)
        depth = depth // (self.block_size**2)
        x = ops.reshape(inputs, [batch, height, width, self.block_size, self.block_size, depth])
        x = ops.transpose(x, [0, 1, 3, 2, 4, 5])
        return ops.reshape(x, [batch, height * self.block_size, width * self.block_size, depth])

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size}


def get_model(upscale_factor=2, channels=1):
    conv_args = {"activation": "relu", "kernel_initializer": "orthogonal", "padding": "same"}
    inputs = keras.Input(shape=(None, None, channels))
    x = layers.Conv2D(32, 5, **conv_args)(inputs)
    x = layers.Conv2D(16, 3, **conv_args)(x)
    x = layers.Conv2D(channels * (upscale_factor**2), 3, **{**conv_args, "activation": None})(x)
    return keras.Model(inputs, DepthToSpace(upscale_factor)(x))


def psnr_of(mse):
    return 10 * math.log10(1 / mse)


model = get_model(upscale_factor=upscale_factor, channels=1)
model.summary()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
loss_fn = torch.nn.MSELoss()
psnrs = []
for epoch in range(6):
    model.train()
    for step, (inputs, targets) in enumerate(train_dataloader):
        predictions = model(inputs)
        loss = loss_fn(predictions, targets.to(predictions.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    error = keras.metrics.MeanSquaredError()
    with torch.no_grad():
        for inputs, targets in valid_dataloader:
            error.update_state(targets, model(inputs, training=False))
    psnrs.append(psnr_of(float(error.result())))
    print(f"Epoch {epoch}: loss {float(loss):.4f}, PSNR {psnrs[-1]:.2f}")

valid_low, valid_high = valid_dataset.tensors
bicubic = ops.clip(ops.image.resize(valid_low, (8, 8), interpolation="bicubic"), 0.0, 1.0)
bicubic_psnr = psnr_of(float(ops.mean(ops.square(bicubic - valid_high))))
prediction = model.predict(valid_low)
image = keras.utils.array_to_img(prediction[0])
image.save("prediction.png")
torch.save(model.state_dict(), "super_resolution.pt")
again = keras.models.clone_model(model)
again.load_state_dict(torch.load("super_resolution.pt", weights_only=True))
difference = float(np.abs(again.predict(valid_low) - prediction).max())
bigger = model.predict(valid_high[:1])
print("PSNR:", psnrs[-1], "against", bicubic_psnr, "of bicubic interpolation")
