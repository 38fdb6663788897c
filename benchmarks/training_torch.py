"""The same network in torch, as its tutorial "Channels Last" trains it; prints images/s.

The data is a tensor in memory. It is mixed, flipped and shifted as the product does.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

BATCH = 128
WARM_STEPS = 22  # as the others; after compiling, its helpers are at work for some seconds more
SHIFT = 4


class Block(nn.Module):
    def __init__(self, before: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = _norm(before), _norm(filters)
        self.one = _convolution(before, filters, 3, stride)
        self.two = _convolution(filters, filters, 3)
        reshaped = stride != 1 or before != filters
        self.shortcut = _convolution(before, filters, 1, stride) if reshaped else None

    def forward(self, x: Any) -> Any:
        active = functional.relu(self.first(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        return self.two(functional.relu(self.second(self.one(active)))) + shortcut


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)


def _convolution(before: int, filters: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(before, filters, kernel, stride, padding=kernel // 2, bias=False)


def resnet20() -> nn.Module:
    blocks, before = [], 16
    for stage, filters in enumerate((16, 32, 64)):
        for number in range(3):
            blocks.append(Block(before, filters, 2 if stage > 0 and number == 0 else 1))
            before = filters
    head = [_norm(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(_convolution(3, 16, 3), *blocks, *head)


def augment(images: Any) -> Any:
    padded = functional.pad(images, (SHIFT,) * 4, mode="reflect")
    count, size = len(images), images.shape[-1]
    rows, columns = torch.randint(0, 2 * SHIFT + 1, (2, count, 1)) + torch.arange(size)
    columns = torch.where(torch.rand(count, 1) < 0.5, columns, columns.flip(1))
    each = torch.arange(count)[:, None, None]
    # What indices pick comes first: images, rows, columns, and then the channels
    return padded[each, :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def train(file: Path, seconds: float, compiled: bool) -> float:
    data = np.load(file)
    images, labels = torch.from_numpy(data["images"]), torch.from_numpy(data["labels"])
    network = resnet20().to(memory_format=torch.channels_last).train()
    forward = torch.compile(network) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), 0.003, weight_decay=0.0005, fused=True)
    steps, began, order = -WARM_STEPS, 0.0, torch.empty(0, dtype=torch.long)
    while True:
        if steps == 0:
            began = time.monotonic()
        elif steps > 0 and (elapsed := time.monotonic() - began) > seconds:
            return steps * BATCH / elapsed
        if len(order) < BATCH:
            order = torch.randperm(len(images))
        chosen, order = order[:BATCH], order[BATCH:]
        inputs = augment(images[chosen].float() / 127.5 - 1)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        loss = functional.cross_entropy(forward(inputs), labels[chosen])
        loss.backward()
        optimizer.step()
        steps += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="images and labels")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    print(f"images_per_second={train(args.file, args.seconds, args.compile):.1f}")


if __name__ == "__main__":
    main()
