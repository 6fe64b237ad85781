"""How many actors a job takes and what each of them asks of Ray, from what the cluster has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from echoprime.errors import SettingError
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncoderPools

READ_TASK_CORES = 1.0
"""What Ray's own read tasks ask for; without it no row ever starts."""

ROUNDING = 1e-6


@dataclass(frozen=True)
class Pool:
    """One actor pool: its size, and what one actor asks for."""

    actors: int
    cores: float
    gpus: float = 0.0

    def recorded(self, *stages: str) -> dict[str, Any]:
        """As a run's record keeps it, with the stages that it spends its seconds in.

        Examples
        --------
        >>> Pool(2, cores=0.25).recorded("encode")
        {'actors': 2, 'cores': 0.25, 'gpus': 0.0, 'stages': ['encode']}
        """
        return {**asdict(self), "stages": list(stages)}


@dataclass(frozen=True)
class EncodePools:
    """The three pools of the encode job."""

    device: str
    readers: Pool
    encoders: Pool
    view_classifiers: Pool

    def recorded(self) -> dict[str, dict[str, Any]]:
        """As a run's record keeps them: each with the stage that it spends its seconds in."""
        return {
            "readers": self.readers.recorded("read"),
            "encoders": self.encoders.recorded("encode"),
            "view_classifiers": self.view_classifiers.recorded("classify"),
            "driver": Pool(1, cores=0.0).recorded("driver"),
        }


def encode_pools(settings: EncoderPools, cluster: ClusterSize) -> EncodePools:
    """Sizes for this cluster, unless the settings say others.

    Raises
    ------
    SettingError
        A GPU is asked for and there is none, or the actors do not fit the cluster.
    """
    device = settings.device
    if device == "auto":
        device = "cuda" if cluster.gpus else "cpu"
    if device == "cuda" and not cluster.gpus:
        raise SettingError(
            "--device cuda: Ray sees no GPU here; use --device auto or cpu, or another --ray-address"
        )
    if device == "cuda":
        # A GPU is shared 3:1, as the two networks' work is; two pools that each ask for a whole one stall.
        # Decoding feeds it, so nearly all cores read.
        pools = EncodePools(
            device,
            readers=Pool(settings.readers or max(1, cluster.cores - cluster.gpus - 1), cores=0.9),
            encoders=Pool(settings.encoders or cluster.gpus, cores=0.0, gpus=0.75),
            view_classifiers=Pool(settings.view_classifiers or cluster.gpus, cores=0.0, gpus=0.25),
        )
    else:
        # On cores the encoder is nine tenths of the work: one one-thread actor a core, and the small pools
        # beside them share. Fractions, so that Ray's own read tasks always find their core.
        few = max(1, cluster.cores // 4)
        pools = EncodePools(
            device,
            readers=Pool(settings.readers or few, cores=0.1),
            encoders=Pool(settings.encoders or cluster.cores, cores=0.25),
            view_classifiers=Pool(settings.view_classifiers or few, cores=0.15),
        )
    _require_fit(pools, cluster)
    return pools


def _require_fit(pools: EncodePools, cluster: ClusterSize) -> None:
    """Actors that find no place wait for ever and without a word: refuse them here."""
    all_pools = (pools.readers, pools.encoders, pools.view_classifiers)
    cores = READ_TASK_CORES + sum(pool.actors * pool.cores for pool in all_pools)
    gpus = sum(pool.actors * pool.gpus for pool in all_pools)
    if cores > cluster.cores + ROUNDING or gpus > cluster.gpus + ROUNDING:
        raise SettingError(
            f"--readers {pools.readers.actors}, --encoders {pools.encoders.actors} and --view-classifiers "
            f"{pools.view_classifiers.actors} ask for {cores:.2f} cores and {gpus:.2f} GPUs, and Ray has "
            f"{cluster.cores} and {cluster.gpus}; ask for fewer"
        )
