"""Counters and times with closed label sets: no identity, no content, nothing a message could choose."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

INBOUND = Counter("hams_inbound", "Messages by what became of them", ["channel", "outcome"], registry=REGISTRY)
"""outcome: answered, exit, opt_out, duplicate, quiet, over_limit, relayed, degraded, static, refused, unreadable."""
FORGED = Counter("hams_forged", "Webhooks without a good signature", registry=REGISTRY)
SENT = Counter("hams_sent", "Messages handed to the provider, by outcome", ["channel", "outcome"], registry=REGISTRY)
TICKETS = Counter("hams_handoffs", "Tickets opened or raised, by band", ["band"], registry=REGISTRY)
DECIDED = Counter("hams_policy", "Turns by the policy that decided them", ["policy"], registry=REGISTRY)
ENGINE_FAILURES = Counter("hams_engine_failures", "Turns the engine gave no outcome for", registry=REGISTRY)
TURN_SECONDS = Histogram(
    "hams_turn_seconds", "From the webhook's arrival to the last reply handed over", registry=REGISTRY,
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10),
)
EXIT_SECONDS = Histogram(
    "hams_exit_seconds", "From the request's arrival to the key overwritten", registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.1, 0.5, 2),
)
ERASURE_OLDEST = Gauge("hams_erasure_oldest_seconds", "Age of the oldest entry in the erasure ledger", registry=REGISTRY)
OPEN_TICKETS = Gauge("hams_open_handoffs", "Tickets waiting for a person", ["band"], registry=REGISTRY)


def exposition() -> bytes:
    """The text Prometheus reads."""
    return generate_latest(REGISTRY)
