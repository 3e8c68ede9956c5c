"""HTTP in: one file per resource, raw ASGI, the dialect's own shapes at the edge and nowhere else."""
