"""A population study: interpretations joined to a cohort, and what researchers publish of them."""

from echoprime.population.resampling import Bootstrap
from echoprime.population.study import AFTER_READING, Population, study_population
from echoprime.population.writing import write_population

__all__ = ["AFTER_READING", "Bootstrap", "Population", "study_population", "write_population"]
