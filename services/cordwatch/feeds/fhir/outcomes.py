"""OperationOutcome: what a sender is told, naming elements and never what stood there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cordwatch.feeds.mapping.reading import Fault


def operation_outcome(faults: Sequence[Fault], severity: str = "error") -> bytes:
    """Return an OperationOutcome with an issue for each of *faults*."""
    issues = [
        {
            "severity": severity,
            "code": "processing",
            "diagnostics": f"{fault.field}: {fault.reason}",
            "expression": [fault.field],
        }
        for fault in faults
    ]
    return json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()
