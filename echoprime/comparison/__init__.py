"""Two interpretations of the same studies: which values, calls and sentences differ, by how much, in whom."""

from echoprime.comparison.comparing import Comparison, compare_tables
from echoprime.comparison.page import comparison_page
from echoprime.comparison.sides import Side, open_side

__all__ = ["Comparison", "Side", "compare_tables", "comparison_page", "open_side"]
