"""`python -m gradcalc`, and the command `gradcalc`."""

from __future__ import annotations

from gradcalc.base import interrupts


def main() -> None:
    """Run the command line, in which an interrupt is quiet from the first moment."""
    interrupts.end_at_once()
    from gradcalc import cli

    cli.main()


if __name__ == "__main__":
    main()
