"""What `fusion.py` is made of: the members' script, the competitors, the load, and the figures."""
