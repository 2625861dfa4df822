output "urls" {
  description = "Where everything is on this host."
  value = merge(
    module.monitoring.urls,
    { for name, url in { controller = module.controller.url } : name => url if url != null },
    { for name, service in module.service : "${name} gateway" => service.gateway_url if service.gateway_url != null },
  )
}

output "versions" {
  description = "How many instances of each version every service has."
  value       = { for name, service in module.service : name => service.versions }
}

output "host_ports" {
  description = "Every port of the host that is published, by name."
  value       = module.ports.published

  precondition {
    condition     = length(module.ports.collisions) == 0
    error_message = "Host ports collide: ${join("; ", module.ports.collisions)}. Choose others in host_ports or in the services' gateways."
  }
}

output "canary_files" {
  description = "Names of the Canary files that the controller watches."
  value       = sort(concat([for canary in module.canary : canary.file_name], keys(local.own_canaries)))
}
