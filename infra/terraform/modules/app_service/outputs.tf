output "targets_json" {
  description = "This service's scrape targets, for the monitoring module."
  value       = module.plan.targets_json
}

output "host_ports" {
  description = "The ports of the host that are published, by name."
  value       = var.gateway.host_port == null ? {} : { "${var.service} gateway" = var.gateway.host_port }
}

output "gateway_url" {
  description = "The gateway on the host; null when it is not published."
  value       = var.gateway.host_port == null ? null : "http://${var.bind_address}:${var.gateway.host_port}"
}

output "versions" {
  description = "How many instances each version has."
  value       = { for version in distinct([for it in values(module.plan.instances) : it.version]) : version => length([for it in values(module.plan.instances) : it if it.version == version]) }
}
