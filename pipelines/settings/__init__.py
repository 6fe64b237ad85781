"""Settings of every command: one frozen dataclass each, read from flags and from one TOML file."""

from pipelines.settings.bundles import (
    BundleCheckSettings,
    BundleFetchSettings,
    BundleImportSettings,
    BundleTuneSettings,
)
from pipelines.settings.calibration import CalibrateSettings, CalibrationChoices
from pipelines.settings.candidates import (
    CandidatesBuildSettings,
    CandidatesExportSettings,
    CandidatesImportSettings,
    CandidatesInfoSettings,
    CandidatesRecallSettings,
    CandidatesSearchSettings,
    CandidatesStackSettings,
)
from pipelines.settings.cluster import (
    DoctorSettings,
    JobLogsSettings,
    JobSettings,
    JobsSettings,
    SubmitSettings,
)
from pipelines.settings.jobs import (
    ArchiveChanges,
    ArchiveListing,
    DemoSettings,
    Device,
    EncoderPools,
    EncodeSettings,
    EncodingChoices,
    InterpretationChoices,
    InterpretSettings,
    ManifestSettings,
    Pairing,
    PlanSettings,
    ReadingLimits,
    RunAllSettings,
    RunSettings,
    StudySelection,
)
from pipelines.settings.outputs import ExportSettings, FailuresSettings, OutputSettings, WithdrawSettings
from pipelines.settings.pages import ViewSettings
from pipelines.settings.population import PopulationSettings
from pipelines.settings.recorded import recorded_settings
from pipelines.settings.reprocess import CompareSettings

__all__ = [
    "ArchiveChanges",
    "ArchiveListing",
    "BundleCheckSettings",
    "BundleFetchSettings",
    "BundleImportSettings",
    "BundleTuneSettings",
    "CalibrateSettings",
    "CalibrationChoices",
    "CandidatesBuildSettings",
    "CandidatesExportSettings",
    "CandidatesImportSettings",
    "CandidatesInfoSettings",
    "CandidatesRecallSettings",
    "CandidatesSearchSettings",
    "CandidatesStackSettings",
    "CompareSettings",
    "DemoSettings",
    "Device",
    "DoctorSettings",
    "EncodeSettings",
    "EncoderPools",
    "EncodingChoices",
    "ExportSettings",
    "FailuresSettings",
    "InterpretSettings",
    "InterpretationChoices",
    "JobLogsSettings",
    "JobSettings",
    "JobsSettings",
    "ManifestSettings",
    "OutputSettings",
    "Pairing",
    "PlanSettings",
    "PopulationSettings",
    "ReadingLimits",
    "RunAllSettings",
    "RunSettings",
    "StudySelection",
    "SubmitSettings",
    "ViewSettings",
    "WithdrawSettings",
    "recorded_settings",
]
