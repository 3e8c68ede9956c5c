"""`python -m tritium`: the command line."""

from tritium.cli import main

if __name__ == "__main__":
    main()
