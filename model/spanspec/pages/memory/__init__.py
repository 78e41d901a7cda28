"""Where memory comes from: the system, arenas, and what the runtime takes for itself."""
