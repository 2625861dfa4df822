output "urls" {
  description = "The members' APIs in the container network, with the context path; whoever uses them waits until the users are there."
  value       = local.urls
  depends_on  = [docker_container.users]
}

output "controller_user" {
  description = "User that may read and write the rules."
  value       = "canary"
}

output "gateway_user" {
  description = "User that may read the rules."
  value       = "fleet"
}

output "host_ports" {
  description = "The ports of the host that are published, by name."
  value       = { for internal, port in local.published : "nacos ${internal}" => port }
}
