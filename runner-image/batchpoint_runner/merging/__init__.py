"""The end of a job: what is published becomes one output, in input order. `merge` is the way in."""
