"""``python -m doorward_daemon``."""

from doorward_daemon.main import main

main()
