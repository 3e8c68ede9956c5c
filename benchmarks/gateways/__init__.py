"""Gateways side by side: what `gateway.py` and `gateway_gate.py` measure them with."""
