"""``python -m bench [--quick]``. Every process that the bench starts imports this file first, hence nothing else here."""

if __name__ == "__main__":
    from bench.run import main

    main()
