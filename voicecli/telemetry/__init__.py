"""What the outside may watch: metrics, traces and logs."""
