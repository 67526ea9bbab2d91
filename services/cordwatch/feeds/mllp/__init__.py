"""HL7 over MLLP: the listening socket, one connection of it, and what it says without I/O."""
