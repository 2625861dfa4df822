# Staging: the whole picture on one Docker engine, published on loopback only.

locals {
  environment = "staging"
  prefix      = "canary-staging"
  # infra/grafana and infra/prometheus-rules of this project.
  grafana_dir = coalesce(var.grafana_dir, "${path.module}/../../../grafana")
  rules_dir   = coalesce(var.rules_dir, "${path.module}/../../../prometheus-rules")

  host_ports = merge(concat(
    [module.nacos.host_ports, module.monitoring.host_ports, module.controller.host_ports],
    [for service in module.service : service.host_ports],
  )...)

  own_canaries = var.canaries_dir == null ? {} : {
    for name in fileset(var.canaries_dir, "*.{yaml,yml}") : name => file("${var.canaries_dir}/${name}")
  }
}

resource "docker_network" "this" {
  name = local.prefix
}

resource "docker_volume" "canary_data" {
  name = "${local.prefix}-canary-data"
}

module "nacos" {
  source = "../../modules/nacos"

  name_prefix       = local.prefix
  network           = docker_network.this.name
  release           = var.nacos_release
  auth_token_key    = var.nacos_auth_token_key
  auth_identity     = var.nacos_auth_identity
  passwords         = var.nacos_passwords
  host_port         = lookup(var.host_ports, "nacos", null)
  console_host_port = var.nacos_release == "2.5" ? null : lookup(var.host_ports, "nacos_console", null)
}

module "service" {
  source   = "../../modules/app_service"
  for_each = var.services

  name_prefix    = local.prefix
  network        = docker_network.this.name
  service        = each.key
  stable         = each.value.stable
  canary         = each.value.canary
  port           = each.value.port
  environment    = each.value.environment
  gateway        = each.value.gateway
  nacos_urls     = module.nacos.urls
  nacos_user     = module.nacos.gateway_user
  nacos_password = var.nacos_passwords.fleet
}

module "canary" {
  source   = "../../modules/canary_spec"
  for_each = { for name, service in var.services : name => service if service.slo != null }

  service         = each.key
  stable_revision = each.value.stable.version
  error_rate      = { max_delta = each.value.slo.error_rate_delta }
  latency         = { max_delta = each.value.slo.latency_p99_delta }
  ready_instances = try(each.value.canary.replicas, 1)
}

module "monitoring" {
  source = "../../modules/monitoring"

  name_prefix            = local.prefix
  environment            = local.environment
  network                = docker_network.this.name
  target_files           = { for name, service in module.service : name => service.targets_json }
  grafana_dir            = local.grafana_dir
  rules_dir              = local.rules_dir
  grafana_admin_password = var.grafana_admin_password
  webhook_token          = var.webhook_token
  controller_ca          = var.controller_ca
  host_ports = {
    prometheus   = lookup(var.host_ports, "prometheus", null)
    alertmanager = lookup(var.host_ports, "alertmanager", null)
    grafana      = lookup(var.host_ports, "grafana", null)
  }
}

module "controller" {
  source = "../../modules/canary_controller"

  name_prefix    = local.prefix
  network        = docker_network.this.name
  image          = var.controller_image
  data_volume    = docker_volume.canary_data.name
  canary_files   = merge({ for canary in module.canary : canary.file_name => canary.yaml }, local.own_canaries)
  nacos_urls     = module.nacos.urls
  nacos_user     = module.nacos.controller_user
  nacos_password = var.nacos_passwords.canary
  prometheus_url = module.monitoring.prometheus_url
  webhook_token  = var.webhook_token
  tokens         = var.controller_tokens
  tls            = var.controller_tls
  host_port      = lookup(var.host_ports, "controller", null)
}

module "ports" {
  source = "../../modules/port_plan"
  ports  = local.host_ports
}
