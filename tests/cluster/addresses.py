"""Names and addresses of the one node, the same on every machine.

The node is one end of a pair of virtual network cards, the host the other. So tests on the host reach the
API server, pods and Services by their own addresses, and pods reach a server on the host at `HOST_IP`.
Nothing leads to the internet.
"""

NODE = "batchpoint"
"""Name of the node, and of its control groups."""

HOST_CARD = "bp0"
NODE_CARD = "bp1"
HOST_IP = "10.201.0.1"
NODE_IP = "10.201.0.2"
"""Not loopback: it is the endpoint of the Service ``kubernetes``, which pods connect to."""
CARD_PREFIX = 30

POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
"""The first of `SERVICE_RANGE`, by rule of Kubernetes."""
OBJECT_STORE_IP = "10.96.0.70"

API_PORT = 6443
API_SERVER = f"https://{NODE_IP}:{API_PORT}"
DOMAIN = "cluster.local"
