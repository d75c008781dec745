"""The conformance kit, on the backends that come with doorward and on others that are wrong on purpose."""
