"""What people look at: pages and pictures made of clips and tables."""

from echoprime.pages.display import Shown, not_shown, shown
from echoprime.pages.montage import draw_montage
from echoprime.pages.page import data_uri, render_page
from echoprime.pages.run import run_page
from echoprime.pages.studies import studies_page
from echoprime.pages.study import StudyVideo, study_page

__all__ = [
    "Shown",
    "StudyVideo",
    "data_uri",
    "draw_montage",
    "not_shown",
    "render_page",
    "run_page",
    "shown",
    "studies_page",
    "study_page",
]
