"""The only place that talks to Kubernetes, and to the runners over HTTP.

Raw manifests come in and go out as plain dicts; decisions see nothing but the records of
`batchpoint.planning.observed`, which are made here.
"""
