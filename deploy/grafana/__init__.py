"""The dashboards of Grafana as code; what Grafana reads is in `dashboards`, written by `make docs`."""
