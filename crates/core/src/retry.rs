//! How often and how long to wait: retries with full jitter, `Retry-After`, the circuit.
