"""Models that run on this machine, in this process: their weights (`install`, `shelf`) and llama.cpp (`runtime`)."""
