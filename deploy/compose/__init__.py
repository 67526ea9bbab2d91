"""What docker-compose.yml takes besides its images."""
