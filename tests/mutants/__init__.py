"""What the tests of the core notice: one thing in it is changed at a time, and they are run."""
