"""What holds for every test."""

import signal

# A shell that runs the suite in the background ignores Ctrl-C in it, and so would what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
