"""Every option that a person can set, declared once; see `rvc.options` for how."""
