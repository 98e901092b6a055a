"""Batchpoint's control plane: the API models, planner, operator, gateway and command line.

The layers, from outside in: ``main``, then ``handlers``, ``gateway`` and ``cli``, then ``cluster`` and
``rendering``, then ``planning``, then ``api``, then ``settings``, ``errors``, ``logs`` and ``metrics``.
A layer imports what lies further in, never the other way; import-linter checks it. Of the engine only
`batchpoint_runner.contract` is known here.
"""
