"""`python -m vultus`."""

from vultus.cli.app import main

if __name__ == "__main__":
    main()
