"""What a deliverable is, computed from its bytes alone: no model, no network, no file on disk."""
