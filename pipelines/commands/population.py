"""The command that makes a population study."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from pipelines.commands.app import app, examples
from pipelines.settings import PopulationSettings


@app.command(
    help_epilogue=examples(
        "echoprime population --output out/ --cohort cohort.csv --by sex,site,device",
        "echoprime population --output out/ --cohort cohort.csv --known ejection_fraction=ef_by_hand",
        "echoprime population --output out/ --cohort cohort.csv --by site --least-count 10",
    )
)
def population(settings: Annotated[PopulationSettings, Parameter(name="*")]) -> int:
    """Join a cohort to an interpretation: flow, table one, prevalence, trend, agreement; tables and page."""
    from pipelines.population import study

    return study(settings)
