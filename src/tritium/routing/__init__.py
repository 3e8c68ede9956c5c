"""Models that choose one model: which endpoint serves a request, and who is asked when it fails."""
