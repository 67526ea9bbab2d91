"""cordwatch: no lymphoma patient with a threatened spinal cord is forgotten."""

__version__ = "0.1.0"
