"""Once for all services: logging, settings, Kafka clients, the wall clock, metrics over HTTP."""
