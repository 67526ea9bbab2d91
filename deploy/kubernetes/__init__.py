"""Kubernetes by Kustomize; what is written here by other files of the project, `make docs` writes."""
