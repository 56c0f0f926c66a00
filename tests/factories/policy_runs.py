"""Training runs of seconds, and a way to kill them."""

import dataclasses

from models.policy.config import FlowConfig, PolicyConfig, StackConfig, VisionConfig
from training.policy.config import AugmentConfig, DataConfig, OptimizerConfig, TrainConfig

BATCHES = ["batch-000001"]


def mini(**changes) -> TrainConfig:
    policy = PolicyConfig(
        vision=VisionConfig(hidden=32, layers=1, heads=2, mlp=32, image_px=32, patch_px=16, stem=(8, 16), name=""),
        mixing=StackConfig(1, 2, 16, dropout=0.1),
        dit=StackConfig(2, 2, 16, dropout=0.1),
        flow=FlowConfig(steps=4),
        horizon=4,
        control_hz=15.0,
        hidden=32,
        dit_output=32,
        max_positions=4,
    )
    config = TrainConfig(
        policy=policy,
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=1, decay_steps=1),
        data=DataConfig(batch_size=4, frame_stride=3, window_chunks=2, num_streams=2),
        augment=AugmentConfig(hue=0, saturation=0, rotation_deg=0, crop=0.1),
        steps=4,
        noise_draws=2,
        checkpoint_every=2,
        log_every=1,
    )
    return dataclasses.replace(config, **changes)


class KilledError(Exception):
    pass


def kill_at(step: int):
    def progress(now, total, row):
        if now == step:
            raise KilledError

    return progress
