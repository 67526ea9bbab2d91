"""HL7 v2 read as it really comes: framing, messages, times. Pure: bytes in, values out."""
