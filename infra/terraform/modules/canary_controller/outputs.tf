output "address" {
  description = "HOST:PORT in the container network."
  value       = "canary-controller:${local.port}"
}

output "url" {
  description = "The API on the host; null when it is not published."
  value       = var.host_port == null ? null : "${local.scheme}://${var.bind_address}:${var.host_port}"
}

output "host_ports" {
  description = "The ports of the host that are published, by name."
  value       = var.host_port == null ? {} : { "canary-controller" = var.host_port }
}
