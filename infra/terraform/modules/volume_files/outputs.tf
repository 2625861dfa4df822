output "volume" {
  description = "Name of the volume; whoever uses it waits until it is filled."
  value       = docker_volume.this.name
  depends_on  = [docker_container.writer]
}
