"""The bundled scenarios: one module a family of streams, registered as any third party's would be."""
