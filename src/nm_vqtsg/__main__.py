"""``python -m nm_vqtsg``."""

from nm_vqtsg.cli import main

if __name__ == "__main__":
    main()
