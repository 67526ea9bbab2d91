"""Watch: keeps the clocks of all patients over Kafka, and publishes what they say."""
