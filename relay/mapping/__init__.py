"""From an event to text: conditions, templates, samples.  Pure."""
