# Nacos: one server with an embedded store, or a cluster on an external database; with its users.

locals {
  images = { "3.1" = "nacos/nacos-server:v3.1.2", "2.5" = "nacos/nacos-server:v2.5.3" }
  api    = var.release == "2.5" ? "v1" : "v3"

  # Neither needs a login. Measured: when it turns 200, writes work.
  readiness = {
    v1 = "/nacos/v1/console/health/readiness"
    v3 = "/nacos/v3/admin/core/state/readiness"
  }

  hosts = [for number in range(var.members) : "nacos-${number}"]
  urls  = [for host in local.hosts : "http://${host}:8848/nacos"]

  mode = var.members == 1 ? ["MODE=standalone"] : [
    "MODE=cluster",
    "NACOS_SERVERS=${join(" ", [for host in local.hosts : "${host}:8848"])}",
  ]

  database = var.database == null ? [] : [
    "SPRING_DATASOURCE_PLATFORM=mysql",
    "MYSQL_SERVICE_HOST=${var.database.host}",
    "MYSQL_SERVICE_PORT=${var.database.port}",
    "MYSQL_SERVICE_DB_NAME=${var.database.name}",
    "MYSQL_SERVICE_USER=${var.database.user}",
    "MYSQL_SERVICE_PASSWORD=${var.database_password}",
    "MYSQL_SERVICE_DB_PARAM=${var.database.parameters}",
  ]

  # A 3.x server otherwise leaves its v1 API open to anyone, writes included.
  auth = [
    "NACOS_AUTH_ENABLE=true",
    "NACOS_AUTH_TOKEN=${var.auth_token_key}",
    "NACOS_AUTH_IDENTITY_KEY=canary-cluster",
    "NACOS_AUTH_IDENTITY_VALUE=${var.auth_identity}",
  ]

  java = [
    "JVM_XMS=${var.heap_mb}m",
    "JVM_XMX=${var.heap_mb}m",
    "JVM_XMN=${floor(var.heap_mb / 2)}m",
  ]

  published = merge(
    var.host_port == null ? {} : { 8848 = var.host_port, 9848 = var.host_port + 1000 },
    var.console_host_port == null ? {} : { 8080 = var.console_host_port },
  )
  memory_mb = floor(var.heap_mb * 1.5) + 256
}

resource "docker_image" "nacos" {
  name         = coalesce(var.image, local.images[var.release])
  keep_locally = true
}

resource "docker_volume" "nacos" {
  count = var.members
  name  = "${var.name_prefix}-nacos-${count.index}"
}

resource "docker_container" "nacos" {
  count                 = var.members
  name                  = "${var.name_prefix}-nacos-${count.index}"
  hostname              = local.hosts[count.index]
  image                 = docker_image.nacos.image_id
  restart               = "unless-stopped"
  memory                = local.memory_mb
  memory_swap           = local.memory_mb
  stop_timeout          = 30
  destroy_grace_seconds = 30
  wait                  = true
  wait_timeout          = 300

  env = concat(
    ["PREFER_HOST_MODE=hostname", "TIME_ZONE=UTC"],
    local.mode, local.database, local.auth, local.java,
  )

  networks_advanced {
    name    = var.network
    aliases = [local.hosts[count.index]]
  }

  dynamic "ports" {
    for_each = count.index == 0 ? local.published : {}
    content {
      internal = tonumber(ports.key)
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = docker_volume.nacos[count.index].name
    container_path = "/home/nacos/data"
  }

  healthcheck {
    test         = ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8848${local.readiness[local.api]}"]
    interval     = "10s"
    timeout      = "5s"
    retries      = 6
    start_period = "3m0s"
  }

  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}

# Runs once and ends; runs again when a password changes, and then says that it cannot change it.
resource "docker_container" "users" {
  name       = "${var.name_prefix}-nacos-users"
  image      = docker_image.nacos.image_id
  entrypoint = ["/bin/sh", "/users/users.sh"]
  command    = ["/users"]
  env        = ["NACOS_URL=${local.urls[0]}", "NACOS_API=${local.api}"]
  restart    = "no"
  must_run   = false
  attach     = true
  logs       = true

  networks_advanced {
    name = var.network
  }

  upload {
    file       = "/users/users.sh"
    content    = file("${path.module}/users.sh")
    executable = true
  }

  dynamic "upload" {
    for_each = toset(["admin", "canary", "fleet"])
    content {
      file        = "/users/${upload.value}"
      content     = var.passwords[upload.value]
      permissions = "0400"
    }
  }

  depends_on = [docker_container.nacos]

  lifecycle {
    # The embedded store lives in the volume: a new one knows no users.
    replace_triggered_by = [docker_volume.nacos]

    postcondition {
      condition     = self.exit_code == 0
      error_message = "Nacos has not got its users: see `docker logs ${var.name_prefix}-nacos-users`."
    }
  }
}
