"""The real shell on a virtual machine: its loop, its disk, its network, and what goes wrong."""
