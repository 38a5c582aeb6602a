"""`python -m resume_parser --port 8080`: start the parser alone."""

import argparse

from resume_parser.server import run


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m resume_parser", description="PDF resume parser"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on")
    parser.add_argument("--workers", type=int, default=2, help="PDFs parsed at the same time")
    options = parser.parse_args()
    run(options.host, options.port, options.workers)


if __name__ == "__main__":
    main()
