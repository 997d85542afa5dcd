"""The Redfish service of a lab server: sushy-tools' Flask app with an overlay for what it lacks."""
