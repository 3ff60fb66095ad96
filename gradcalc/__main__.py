"""`python -m gradcalc` is the command `gradcalc`."""

from gradcalc.cli import main

if __name__ == "__main__":
    main()
