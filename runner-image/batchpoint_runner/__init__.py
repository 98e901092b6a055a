"""The engine of one instance: lists, plans, claims, feeds workers, publishes, merges, reports.

It alone holds storage credentials. It knows nothing of Kubernetes and never runs user code.
"""
