"""The numbers of the charts: counted by the scheduler, read by the pages."""
