"""From FHIR resources (R4, R4B, R5) to the events of the contracts, element by element. Pure."""
