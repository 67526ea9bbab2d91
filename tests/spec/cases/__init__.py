"""The stories of the specification, by what they are about."""
