# One service: instances of its stable and its canary version, and a gateway that splits the traffic between them.
#
# Only the gateway has a port of the host. Instances are reached by name in the container network, so no number of
# versions and replicas can collide with anything.

module "plan" {
  source = "../service_instances"

  service = var.service
  port    = var.port
  stable  = var.stable
  canary  = var.canary
}

resource "docker_image" "version" {
  for_each     = { for image in distinct([for it in values(module.plan.instances) : it.image]) : image => image }
  name         = each.value
  keep_locally = true
}

resource "docker_container" "instance" {
  for_each              = module.plan.instances
  name                  = "${var.name_prefix}-${each.value.host}"
  image                 = docker_image.version[each.value.image].image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb
  memory_swap           = var.memory_mb
  read_only             = true
  tmpfs                 = { "/tmp" = "rw,noexec,nosuid,size=16m" }
  stop_timeout          = 30
  destroy_grace_seconds = 30

  env = concat(
    ["SERVICE=${var.service}", "APP_VERSION=${each.value.version}", "PORT=${var.port}"],
    [for name, value in var.environment : "${name}=${value}"],
  )

  networks_advanced {
    name    = var.network
    aliases = [each.value.host]
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}

# The gateway reads these files again when they change. A new version does not restart it, and so loses no request.
module "gateway_files" {
  source = "../volume_files"

  name  = "${var.name_prefix}-${var.service}-gateway"
  image = var.writer_image
  files = {
    "backends.json"  = module.plan.backends_json
    "nacos-password" = var.nacos_password
  }

  depends_on = [docker_container.instance]
}

resource "docker_image" "gateway" {
  name         = var.gateway.image
  keep_locally = true
}

resource "docker_container" "gateway" {
  name                  = "${var.name_prefix}-${var.service}-gateway"
  image                 = docker_image.gateway.image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb
  memory_swap           = var.memory_mb
  read_only             = true
  tmpfs                 = { "/tmp" = "rw,noexec,nosuid,size=16m" }
  stop_timeout          = 30
  destroy_grace_seconds = 30

  env = concat(
    [
      "SERVICE=${var.service}",
      "PORT=${var.gateway.port}",
      "BACKENDS_FILE=/etc/fleet/backends.json",
      "NACOS_URL=${join(",", var.nacos_urls)}",
      "NACOS_USERNAME=${var.nacos_user}",
      "NACOS_PASSWORD_FILE=/etc/fleet/nacos-password",
    ],
    [for name, value in var.gateway.environment : "${name}=${value}"],
  )

  networks_advanced {
    name    = var.network
    aliases = ["${var.service}-gateway"]
  }

  dynamic "ports" {
    for_each = var.gateway.host_port == null ? [] : [var.gateway.host_port]
    content {
      internal = var.gateway.port
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = module.gateway_files.volume
    container_path = "/etc/fleet"
    read_only      = true
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}
