"""Every page of the specification, in the order of the pack."""

from __future__ import annotations

from tests.spec.case import Page
from tests.spec.cases.advisories_course import COURSE_ADVICE
from tests.spec.cases.advisories_dose import DOSE_ADVICE
from tests.spec.cases.advisories_imaging import IMAGING_ADVICE
from tests.spec.cases.advisories_pain import BONE_ADVICE, PAIN_ADVICE
from tests.spec.cases.advisories_steroids import STEROID_ADVICE
from tests.spec.cases.advisories_treatment import TREATMENT_ADVICE
from tests.spec.cases.confirmed import STEROID_START
from tests.spec.cases.doses import DOSES
from tests.spec.cases.mri import MILDER_PAGES
from tests.spec.cases.mri_suspected import SUSPECTED
from tests.spec.cases.notices_orders import ORDER_PAGES
from tests.spec.cases.notices_records import (
    ADMISSION_CANCELLED,
    DEATH_CONTRADICTED,
    DISCHARGED_OPEN,
    MERGE_REFUSED,
)
from tests.spec.cases.notices_reports import REPORT_PAGES
from tests.spec.cases.notices_treatment import TREATMENT_PAGES
from tests.spec.cases.subjects_imaging import COVERAGE, PRESENTATIONS
from tests.spec.cases.subjects_records import CORRECTIONS, EPISODES, STAYS
from tests.spec.cases.subjects_time import LEVELS, TIME
from tests.spec.cases.taper import STEROID_TAPER
from tests.spec.cases.treatment_start import MDT_CONSULT, TREATMENT_START

PAGES: tuple[Page, ...] = (
    *MILDER_PAGES,
    SUSPECTED,
    STEROID_START,
    TREATMENT_START,
    MDT_CONSULT,
    STEROID_TAPER,
    *ORDER_PAGES,
    *TREATMENT_PAGES,
    DISCHARGED_OPEN,
    ADMISSION_CANCELLED,
    *REPORT_PAGES,
    DEATH_CONTRADICTED,
    MERGE_REFUSED,
    *IMAGING_ADVICE,
    *DOSE_ADVICE,
    *STEROID_ADVICE,
    *TREATMENT_ADVICE,
    *BONE_ADVICE,
    *PAIN_ADVICE,
    *COURSE_ADVICE,
)
"""One for each rule, notice and advisory."""

SUBJECTS: tuple[Page, ...] = (
    EPISODES,
    PRESENTATIONS,
    COVERAGE,
    DOSES,
    LEVELS,
    TIME,
    CORRECTIONS,
    STAYS,
)
"""What concerns many rules."""
