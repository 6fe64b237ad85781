"""How many actors a job takes and what each of them asks of Ray, from what the cluster has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from echoprime.errors import SettingError
from pipelines.ray_session import ClusterSize
from pipelines.settings import EncoderPools

READER_CORES = 0.9
"""Of a reader that has a core to itself. Less than one: what asks for little beside it finds a place."""

READ_TASK_CORES = 1.0
"""Left free by a job's actors, for tasks beside it. What hands out its chunks asks for none of it."""

ROUNDING = 1e-6


@dataclass(frozen=True)
class Pool:
    """One actor pool.

    Attributes
    ----------
    actors
        How many there are; of a pool that grows, at first and at least.
    cores, gpus
        What one of them asks of Ray.
    most
        How many a pool may have that grows with the cluster; None: it stays as it is.
    """

    actors: int
    cores: float
    gpus: float = 0.0
    most: int | None = None

    def recorded(self, *stages: str) -> dict[str, Any]:
        """As a run's record keeps it, with the stages that it spends its seconds in.

        Examples
        --------
        >>> Pool(2, cores=0.25).recorded("encode")
        {'actors': 2, 'cores': 0.25, 'gpus': 0.0, 'stages': ['encode']}
        """
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return {**fields, "stages": list(stages)}


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
        A GPU is asked for and there is none, the actors do not fit the cluster, or readers would grow to
        fewer than they are at first.
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
            readers=Pool(
                settings.readers or max(1, cluster.cores - cluster.gpus - 1),
                cores=READER_CORES,
                most=settings.max_readers,
            ),
            encoders=Pool(settings.encoders or cluster.gpus, cores=0.0, gpus=0.75),
            view_classifiers=Pool(settings.view_classifiers or cluster.gpus, cores=0.0, gpus=0.25),
        )
    else:
        # On cores the encoder is nine tenths of the work: one one-thread actor a core, and the small pools
        # beside them share. Fractions, so that a core stays free beside them.
        few = max(1, cluster.cores // 4)
        pools = EncodePools(
            device,
            # Ray adds nodes where cores are asked for: readers that grow ask for what they use.
            readers=Pool(
                settings.readers or (1 if settings.max_readers else few),
                cores=READER_CORES if settings.max_readers else 0.1,
                most=settings.max_readers,
            ),
            encoders=Pool(settings.encoders or _encoders_beside(settings, few, cluster), cores=0.25),
            view_classifiers=Pool(settings.view_classifiers or few, cores=0.15),
        )
    _require_fit(pools, cluster)
    return pools


def _encoders_beside(settings: EncoderPools, few: int, cluster: ClusterSize) -> int:
    """One a core, or what readers leave that ask for whole ones."""
    if not settings.max_readers:
        return cluster.cores
    left = cluster.cores - READ_TASK_CORES - READER_CORES * (settings.readers or 1)
    return max(1, min(cluster.cores, int((left - 0.15 * (settings.view_classifiers or few)) / 0.25)))


def _require_fit(pools: EncodePools, cluster: ClusterSize) -> None:
    """Actors that find no place wait for ever and without a word: refuse them here."""
    if pools.readers.most is not None and pools.readers.most < pools.readers.actors:
        raise SettingError(
            f"--max-readers {pools.readers.most}: there are {pools.readers.actors} readers at first; "
            "give at least as many, or fewer --readers"
        )
    all_pools = (pools.readers, pools.encoders, pools.view_classifiers)
    cores = READ_TASK_CORES + sum(pool.actors * pool.cores for pool in all_pools)
    gpus = sum(pool.actors * pool.gpus for pool in all_pools)
    if cores > cluster.cores + ROUNDING or gpus > cluster.gpus + ROUNDING:
        raise SettingError(
            f"--readers {pools.readers.actors}, --encoders {pools.encoders.actors} and --view-classifiers "
            f"{pools.view_classifiers.actors} ask for {cores:.2f} cores and {gpus:.2f} GPUs, and Ray has "
            f"{cluster.cores} and {cluster.gpus}; ask for fewer"
        )
