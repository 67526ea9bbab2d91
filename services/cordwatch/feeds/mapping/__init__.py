"""From HL7 v2 messages to the events of the contracts, field by field. Pure."""
