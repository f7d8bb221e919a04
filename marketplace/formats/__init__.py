"""Date and time formats that Django's own tables get wrong (FORMAT_MODULE_PATH)."""
