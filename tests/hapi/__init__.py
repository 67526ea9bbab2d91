"""HAPI HL7v2, the reading and sending of most interface engines, beside ours."""
