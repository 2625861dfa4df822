# Which instances a service has, where they listen, and how Prometheus and the gateway find them. Provider-free.
#
# Instances are known by their version and not by their role: "stable" and "canary" are what the live rule in Nacos says
# they are. So naming a promoted version as stable changes no instance of it, and only the old version's go.

locals {
  versions = concat([var.stable], var.canary == null ? [] : [var.canary])

  instances = merge([
    for it in local.versions : {
      for number in range(it.replicas) : "${it.version}-${number}" => {
        version = it.version
        image   = it.image
        host    = "${var.service}-${lower(replace(it.version, "/[^A-Za-z0-9]/", "-"))}-${number}"
      }
    }
  ]...)

  addresses = {
    for it in local.versions : it.version => [
      for number in range(it.replicas) : "${local.instances["${it.version}-${number}"].host}:${var.port}"
    ]
  }

  # https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
  target_groups = [
    for it in local.versions : {
      targets = local.addresses[it.version]
      labels  = { job = var.service, service = var.service, version = it.version }
    }
  ]
}
