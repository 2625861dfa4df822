output "prometheus_yml" {
  description = "prometheus.yml"
  value       = yamlencode(local.prometheus)
}

output "alertmanager_yml" {
  description = "alertmanager.yml"
  value       = yamlencode(local.alertmanager)
}
