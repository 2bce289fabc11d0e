"""Starts the driver app: python -m endpoints.driver_app --model demo --port 7777."""

import argparse
import errno
import sys

from .server import listen, serve

_EXIT_USAGE = 2
_EXIT_PORT_BUSY = 98


def main() -> int:
    arguments = _parse_arguments()
    if arguments.model != "demo":
        print("Only the model demo is served in this version: use --model demo.", file=sys.stderr)
        return _EXIT_USAGE
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        return _explain(error, arguments.host, arguments.port)
    serve(listener, arguments.host, until_stdin_closes=arguments.until_stdin_closes)
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m endpoints.driver_app",
        description="Serve a model over HTTP with the driver-proxy schema.",
    )
    parser.add_argument("--model", required=True, help="the model to serve: demo")
    parser.add_argument("--port", required=True, type=_port, help="0 takes any free port")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input ends, so that the app never outlives its parent",
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 to 65535")
    return int(text)


def _explain(error: OSError, host: str, port: int) -> int:
    if error.errno == errno.EADDRINUSE:
        message = f"Port {port} on {host} is in use; end what uses it or choose another --port."
        print(message, file=sys.stderr)
        return _EXIT_PORT_BUSY
    reason = error.strerror.partition(" (while attempting")[0]
    print(f"Cannot listen on {host}, port {port}: {reason}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
