"""``python -m mailcrm``: the commands."""

from mailcrm.cli.main import main

if __name__ == "__main__":
    main()
