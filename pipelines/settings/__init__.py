"""Settings of every command: one frozen dataclass each, read from flags and from one TOML file."""

from pipelines.settings.bundles import BundleCheckSettings, BundleImportSettings
from pipelines.settings.jobs import (
    DemoSettings,
    Device,
    EncoderPools,
    EncodeSettings,
    InterpretationChoices,
    InterpretSettings,
    ManifestSettings,
    Pairing,
    RunAllSettings,
    RunSettings,
    StudySelection,
)
from pipelines.settings.outputs import ExportSettings, FailuresSettings, OutputSettings
from pipelines.settings.recorded import recorded_settings

__all__ = [
    "BundleCheckSettings",
    "BundleImportSettings",
    "DemoSettings",
    "Device",
    "EncodeSettings",
    "EncoderPools",
    "ExportSettings",
    "FailuresSettings",
    "InterpretSettings",
    "InterpretationChoices",
    "ManifestSettings",
    "OutputSettings",
    "Pairing",
    "RunAllSettings",
    "RunSettings",
    "StudySelection",
    "recorded_settings",
]
