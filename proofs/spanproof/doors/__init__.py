"""The ways in which an implementation is plugged in: a factory, a process, a library, a malloc."""
