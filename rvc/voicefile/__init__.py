"""The community's file formats, read without executing anything."""
