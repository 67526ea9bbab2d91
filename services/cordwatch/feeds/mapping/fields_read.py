"""Every field that the mapping reads, and what kind of thing stands there; a test holds it to the code."""

from __future__ import annotations

from typing import Literal

Kind = Literal["code", "time", "place", "measure", "number", "name", "value"]
"""
`number` and `name` may tell who a patient is and are never shown. `value` may be
free text, and is shown only where the segment says that it is not.
"""

CODED_TYPES = frozenset({"CE", "CWE", "CNE", "NM"})
"""Types (OBX-2) of a value that is no free text."""

FIELDS_READ: dict[str, dict[int, Kind]] = {
    "MSH": {3: "place", 4: "place", 7: "time", 9: "code", 10: "place"},
    "EVN": {1: "code", 2: "time", 6: "time"},
    "PID": {
        2: "number",
        3: "number",
        4: "number",
        5: "name",
        7: "name",
        18: "number",
        29: "time",
        30: "code",
    },
    "MRG": {1: "number", 2: "number", 3: "number", 4: "number", 5: "number"},
    "PV1": {2: "code", 3: "place", 19: "number", 36: "code", 44: "time", 45: "time"},
    "DG1": {2: "code", 3: "code", 5: "time", 6: "code", 21: "code"},
    "PR1": {2: "code", 3: "code", 5: "time"},
    "PRB": {
        1: "code",
        2: "time",
        3: "code",
        4: "number",
        7: "time",
        9: "time",
        13: "code",
        16: "time",
    },
    "ORC": {
        1: "code",
        2: "number",
        3: "number",
        5: "code",
        7: "code",
        9: "time",
        15: "time",
    },
    "OBR": {
        2: "number",
        3: "number",
        4: "code",
        5: "code",
        7: "time",
        8: "time",
        15: "code",
        22: "time",
        25: "code",
        27: "code",
        31: "code",
        36: "time",
    },
    "TQ1": {3: "code", 7: "time", 8: "time", 9: "code"},
    "IPC": {1: "number"},
    "OBX": {2: "code", 3: "code", 5: "value", 11: "code", 14: "time"},
    "SCH": {
        1: "number",
        2: "number",
        11: "time",
        25: "code",
        26: "number",
        27: "number",
    },
    "AIS": {2: "code", 3: "code", 4: "time"},
    "RXO": {1: "code", 2: "measure", 3: "measure", 4: "code"},
    "RXE": {1: "code", 2: "code", 3: "measure", 4: "measure", 5: "code"},
    "RXR": {1: "code"},
    "RXA": {
        1: "measure",
        2: "measure",
        3: "time",
        5: "code",
        6: "measure",
        7: "code",
        20: "code",
        21: "code",
        22: "time",
    },
}
