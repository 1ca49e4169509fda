"""Sources: settings, signing keys, and the plugin's zip file."""
