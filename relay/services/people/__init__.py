"""People in events: who may be shown, finding a person, exporting and erasing their data."""
