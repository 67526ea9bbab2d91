"""One whole account by hand: what `explain` says of a patient, line by line."""

from cordwatch.pathway.explain import explain
from cordwatch.pathway.facts import fact_of
from cordwatch_schemas.pack import load_pack
from tests import builders as b
from tests.builders import T

EVENTS = {
    "lymphoma": b.known_lymphoma(),
    "suspicion": b.a_suspicion(T(0)),
    "pain": b.a_back_pain(T(0.5), record_id="R1", occurred_precision="hour", received_at=T(0.75)),
    "nothing": b.an_assessment(T(1)),
    "order": b.an_mri_ordered(T(1)),
    "cancelled": b.an_mri_cancelled(T(2)),
    "retraction": b.a_retraction(T(3), "assessed", "R1"),
    "scan": b.an_mri_done(T(4)),
    "report": b.a_report(T(5)),
    "as needed": b.a_dexamethasone_order(T(5), frequency="PRN"),
    "puffs": b.a_dose(T(5), dose_unit="puffs"),
    "discharge": b.a_discharge(T(6)),
    "ahead": b.a_deficit(T(9.35), received_at=T(9.3)),
}
ACCOUNT = """\
patient A under mescc-lymphoma@1.0.0, at 2026-03-02 17:18:00Z

13 facts
  2026-02-20 08:00:00Z diagnosed <lymphoma> I10|C83.3
  2026-03-02 08:00:00Z assessed <suspicion>
  2026-03-02 08:30:00Z assessed <pain>, received 2026-03-02 08:45:00Z [hour-precision]  (retracted by record-retracted <retraction>)
  2026-03-02 09:00:00Z imaging-ordered <order> LN|30855-1  (replaced by imaging-cancelled <cancelled>)
  2026-03-02 09:00:00Z assessed <nothing>
  2026-03-02 10:00:00Z imaging-cancelled <cancelled> LN|30855-1
  2026-03-02 11:00:00Z record-retracted <retraction>
  2026-03-02 12:00:00Z imaging-done <scan> LN|30855-1
  2026-03-02 13:00:00Z medication-ordered <as needed> ATC|H02AB02
  2026-03-02 13:00:00Z medication-given <puffs> ATC|H02AB02
  2026-03-02 13:00:00Z imaging-reported <report> LN|30855-1
  2026-03-02 14:00:00Z discharged <discharge>
  2026-03-02 17:21:00Z assessed <ahead>, received 2026-03-02 17:18:00Z

6 clocks in 1 episodes
  mri.mescc-suspected: satisfied 2026-03-02 12:00:00Z, in time
      started 2026-03-02 08:00:00Z by assessed <suspicion>, due 2026-03-02 20:00:00Z
      Urgent diagnostic approach: suspected MESCC, MRI of the entire spine within 12 hours (source, mescc-lymphoma@1.0.0)
      nothing raised: it ended, or its first level has not come
  steroid.taper: open
      started 2026-03-02 13:00:00Z by medication-given <puffs>, due 2026-03-16 13:00:00Z
      Immediate corticosteroid therapy: gradual taper over 2 weeks (source, mescc-lymphoma@1.0.0)
      missing: taper
      nothing raised: it ended, or its first level has not come
  steroid.start: satisfied 2026-03-02 13:00:00Z, in time
      started 2026-03-02 13:00:00Z by imaging-reported <report>, due 2026-03-02 14:00:00Z
      Immediate corticosteroid therapy: upon diagnosis, corticosteroids must be administered immediately (source, mescc-lymphoma@1.0.0)
      nothing raised: it ended, or its first level has not come
  treatment.start: open
      started 2026-03-02 13:00:00Z by imaging-reported <report>, due 2026-03-03 13:00:00Z
      Multidisciplinary coordination: treatment within 24 hours after diagnosis of MESCC (source, mescc-lymphoma@1.0.0)
      missing: radiotherapy or surgery
      nothing raised: it ended, or its first level has not come
  mdt.consult: open, overdue
      started 2026-03-02 13:00:00Z by imaging-reported <report>, due 2026-03-02 17:00:00Z
      Multidisciplinary coordination: urgent consultation for progressive neurological deficits (local policy, mescc-lymphoma@1.0.0)
      missing: responsible-physician, radiation-oncologist, spinal-surgeon
      2026-03-02 15:00:00Z reminder info, paged, open: consultation not complete
      2026-03-02 16:00:00Z warning warning, paged, open: consultation not complete
      2026-03-02 16:36:00Z urgent urgent, paged, open: consultation not complete
      2026-03-02 17:00:00Z due critical, paged, open: consultation not complete
      2026-03-02 17:15:00Z overdue 1 critical, paged, open: consultation not complete
  mri.deficit-rapid: not yet begun
      started 2026-03-02 17:21:00Z by assessed <ahead>, due 2026-03-03 17:21:00Z
      Urgent diagnostic approach: progressive radicular deficit in less than 7 days, MRI within 24 hours (source, mescc-lymphoma@1.0.0)
      nothing raised: it ended, or its first level has not come

3 notices and advisories
  order-cancelled: 2026-03-02 10:00:00Z order-cancelled warning, paged, resolved: no longer applies
  discharged-open: 2026-03-02 14:00:00Z discharged-open warning, paged, open: Discharged with an open deadline
  support.offer: 2026-03-02 14:00:00Z support.offer info, board only, open: Supportive measures are not recorded

why not
  assessed <nothing>: records no sign that a rule knows
  steroid.low-dose: medication-ordered <as needed> is not judged: as needed, or its dose, unit or frequency cannot be computed
  steroid.low-dose: medication-given <puffs> is not judged: its amount or unit cannot be computed
  mri.back-pain: nothing recorded that means back-pain
  mri.radicular-pain: nothing recorded that means radicular-pain
  mri.deficit-slow: nothing recorded that means deficit-slow
"""


def test_the_whole_account_of_a_patient() -> None:
    """Facts with their fate, clocks with their clause, what was told of each, and why the rest is silent."""
    told = "".join(
        f"{line}\n" for line in explain("A", EVENTS.values(), load_pack("mescc-lymphoma"), T(9.3))
    )
    for name, event in EVENTS.items():
        told = told.replace(fact_of(event).id[:8], f"<{name}>")
    assert told == ACCOUNT
