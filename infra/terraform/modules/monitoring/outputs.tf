output "prometheus_url" {
  description = "Prometheus in the container network."
  value       = "http://prometheus:9090"
  depends_on  = [docker_container.prometheus]
}

output "host_ports" {
  description = "The ports of the host that are published, by name."
  value       = { for name, port in var.host_ports : name => port if port != null }
}

output "urls" {
  description = "Address of each published server on the host."
  value       = { for name, port in var.host_ports : name => "http://${var.bind_address}:${port}" if port != null }
}
