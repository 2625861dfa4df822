output "instances" {
  description = "Every instance by VERSION-NUMBER: its version, image and host name in the container network."
  value       = local.instances
}

output "target_groups" {
  description = "What Prometheus scrapes, with the labels job, service and version."
  value       = local.target_groups
}

output "targets_json" {
  description = "The target groups as a file for Prometheus' file_sd_configs."
  value       = jsonencode(local.target_groups)
}

output "backends_json" {
  description = "For the gateway: where each version listens, and the version to use while there is no rule."
  value = jsonencode({
    service  = var.service
    fallback = var.stable.version
    versions = { for version, addresses in local.addresses : version => [for address in addresses : "http://${address}"] }
  })
}
