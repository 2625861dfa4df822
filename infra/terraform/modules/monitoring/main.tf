# Prometheus, Alertmanager and Grafana, in the container network: nothing here uses the host's.

locals {
  servers = toset(["prometheus", "alertmanager", "grafana"])

  secrets_dir = {
    alertmanager = "/etc/alertmanager/secrets"
    grafana      = "/etc/grafana/secrets"
  }
  tells_people = nonsensitive(var.people_webhook_url != null)

  ca_dir        = "/etc/canary-ca"
  is_tls        = var.controller_ca != null
  controller_ca = local.is_tls ? { "${local.ca_dir}/controller.pem" = var.controller_ca } : {}

  rules = var.rules_dir == null ? {} : {
    for name in fileset(var.rules_dir, "*.yml") : "/etc/prometheus/rules/${name}" => file("${var.rules_dir}/${name}")
  }

  grafana_files = var.grafana_dir == null ? {} : {
    for name in setunion(
      fileset(var.grafana_dir, "provisioning/**/*.{yml,yaml}"),
      fileset(var.grafana_dir, "dashboards/*.json"),
    ) : "/etc/grafana/${name}" => file("${var.grafana_dir}/${name}")
  }
}

module "config" {
  source = "../monitoring_config"

  environment             = var.environment
  scrape_interval_seconds = var.scrape_interval_seconds
  addresses               = { controller = var.controller_address }
  webhook_token_file      = "${local.secrets_dir.alertmanager}/webhook-token"
  controller_ca_file      = one(keys(local.controller_ca))
  people_webhook_url_file = local.tells_people ? "${local.secrets_dir.alertmanager}/people-url" : null
  controller_matchers     = coalesce(var.controller_matchers, ["canary_action=~\".+\"", "canary_action!=\"ignore\""])
}

# Prometheus reads the targets again when they change; it does not restart for a new version of a service.
module "targets" {
  source = "../volume_files"

  name  = "${var.name_prefix}-targets"
  files = { for service, text in var.target_files : "${service}.json" => text }
  image = var.writer_image
}

resource "docker_image" "this" {
  for_each     = local.servers
  name         = var.images[each.key]
  keep_locally = true
}

resource "docker_volume" "this" {
  for_each = local.servers
  name     = "${var.name_prefix}-${each.key}"
}

resource "docker_container" "prometheus" {
  name                  = "${var.name_prefix}-prometheus"
  image                 = docker_image.this["prometheus"].image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb.prometheus
  memory_swap           = var.memory_mb.prometheus
  stop_timeout          = 30
  destroy_grace_seconds = 30
  command = [
    "--config.file=/etc/prometheus/prometheus.yml",
    "--storage.tsdb.path=/prometheus",
    "--storage.tsdb.retention.time=${var.retention}",
  ]

  networks_advanced {
    name    = var.network
    aliases = ["prometheus"]
  }

  dynamic "ports" {
    for_each = var.host_ports.prometheus == null ? [] : [var.host_ports.prometheus]
    content {
      internal = 9090
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = docker_volume.this["prometheus"].name
    container_path = "/prometheus"
  }

  volumes {
    volume_name    = module.targets.volume
    container_path = "/etc/prometheus/targets"
    read_only      = true
  }

  upload {
    file        = "/etc/prometheus/prometheus.yml"
    content     = module.config.prometheus_yml
    permissions = "0444"
  }

  dynamic "upload" {
    for_each = merge(local.rules, local.controller_ca)
    content {
      file        = upload.key
      content     = upload.value
      permissions = "0444"
    }
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}

resource "docker_container" "alertmanager" {
  name                  = "${var.name_prefix}-alertmanager"
  image                 = docker_image.this["alertmanager"].image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb.alertmanager
  memory_swap           = var.memory_mb.alertmanager
  stop_timeout          = 30
  destroy_grace_seconds = 30
  command = [
    "--config.file=/etc/alertmanager/alertmanager.yml",
    "--storage.path=/alertmanager",
    # One server has no cluster to listen for.
    "--cluster.listen-address=",
  ]

  networks_advanced {
    name    = var.network
    aliases = ["alertmanager"]
  }

  dynamic "ports" {
    for_each = var.host_ports.alertmanager == null ? [] : [var.host_ports.alertmanager]
    content {
      internal = 9093
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = docker_volume.this["alertmanager"].name
    container_path = "/alertmanager"
  }

  upload {
    file        = "/etc/alertmanager/alertmanager.yml"
    content     = module.config.alertmanager_yml
    permissions = "0444"
  }

  # The server is not root, so whoever is in the container may read them; nobody else is.
  upload {
    file        = "${local.secrets_dir.alertmanager}/webhook-token"
    content     = var.webhook_token
    permissions = "0444"
  }

  dynamic "upload" {
    for_each = local.tells_people ? ["people-url"] : []
    content {
      file        = "${local.secrets_dir.alertmanager}/${upload.value}"
      content     = var.people_webhook_url
      permissions = "0444"
    }
  }

  dynamic "upload" {
    for_each = local.controller_ca
    content {
      file        = upload.key
      content     = upload.value
      permissions = "0444"
    }
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}

resource "docker_container" "grafana" {
  name                  = "${var.name_prefix}-grafana"
  image                 = docker_image.this["grafana"].image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb.grafana
  memory_swap           = var.memory_mb.grafana
  stop_timeout          = 30
  destroy_grace_seconds = 30

  # The last three are for the provisioning files, which name them as $PROMETHEUS_URL, $CANARY_WEBHOOK_URL and
  # $GRAFANA_DASHBOARDS; the secret is $__file{/etc/grafana/secrets/webhook-token} there.
  env = concat([
    "GF_SECURITY_ADMIN_PASSWORD__FILE=${local.secrets_dir.grafana}/admin-password",
    "GF_USERS_ALLOW_SIGN_UP=false",
    "GF_ANALYTICS_REPORTING_ENABLED=false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES=false",
    "PROMETHEUS_URL=http://prometheus:9090",
    "CANARY_WEBHOOK_URL=${local.is_tls ? "https" : "http"}://${var.controller_address}/webhooks/grafana",
    "GRAFANA_DASHBOARDS=/etc/grafana/dashboards",
    # Grafana trusts what lies in these folders, as every program in Go.
  ], local.is_tls ? ["SSL_CERT_DIR=/etc/ssl/certs:${local.ca_dir}"] : [])

  networks_advanced {
    name    = var.network
    aliases = ["grafana"]
  }

  dynamic "ports" {
    for_each = var.host_ports.grafana == null ? [] : [var.host_ports.grafana]
    content {
      internal = 3000
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = docker_volume.this["grafana"].name
    container_path = "/var/lib/grafana"
  }

  dynamic "upload" {
    for_each = local.grafana_files
    content {
      file        = upload.key
      content     = upload.value
      permissions = "0444"
    }
  }

  upload {
    file        = "${local.secrets_dir.grafana}/admin-password"
    content     = var.grafana_admin_password
    permissions = "0444"
  }

  upload {
    file        = "${local.secrets_dir.grafana}/webhook-token"
    content     = var.webhook_token
    permissions = "0444"
  }

  dynamic "upload" {
    for_each = local.controller_ca
    content {
      file        = upload.key
      content     = upload.value
      permissions = "0444"
    }
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "3" }
}
