"""BMCs behind one set of interfaces, over IPMI and Redfish."""
