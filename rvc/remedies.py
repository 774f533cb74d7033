"""Commands that mend what a machine lacks, as this operating system spells them."""
import os
import sys

INSTALL = "run-install.bat" if os.name == "nt" else "bash run-install.sh"
FFMPEG = {"win32": "winget install ffmpeg", "darwin": "brew install ffmpeg"}.get(sys.platform, "apt install ffmpeg")
DOWNLOAD = "python -m rvc download"
