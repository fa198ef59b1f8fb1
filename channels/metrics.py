"""What operators watch of the channels (Prometheus)."""

from prometheus_client import Counter, Histogram

RECEIVED = Counter("banyi_inbound_total", "Inbound messages stored", ["channel"])
SENT = Counter("banyi_send_total", "Tries to send, by outcome", ["channel", "outcome"])
SEND_SECONDS = Histogram("banyi_send_seconds", "Seconds a vendor took to take a message", ["channel"])
