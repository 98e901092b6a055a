"""What users write: the three kinds as models, and everything that follows from them alone.

Pydantic, the standard library and the enums of `batchpoint_runner.contract`; no I/O but in the two
commands that write generated files. `parse` of `batchpoint.api.parsing` is the way in.
"""
