"""Where runs execute. So far: one after the other, in this process."""
