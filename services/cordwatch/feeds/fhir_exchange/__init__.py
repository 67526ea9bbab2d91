"""The way to and from FHIR servers: notifications that come, and what is asked for."""
