# The controller: its database in a volume that outlives it, its Canary files and secrets in volumes that it may only
# read, and a root that nothing can be written to.

locals {
  port = 5001

  has_tokens = nonsensitive(var.tokens != null)
  is_telling = nonsensitive(var.notify_url != null)
  has_tls    = nonsensitive(var.tls != null)
  scheme     = local.has_tls ? "https" : "http"

  canaries_dir = "/etc/canary/canaries"
  secrets_dir  = "/etc/canary/secrets"

  secrets = merge(
    { "nacos-password" = var.nacos_password, "webhook-token" = var.webhook_token },
    local.has_tokens ? { "tokens" = var.tokens } : {},
    local.has_tls ? { "tls.crt" = var.tls.cert, "tls.key" = var.tls.key } : {},
    # An address that holds a secret belongs in a file; as an environment variable docker inspect would show it.
    local.is_telling ? { "settings.yaml" = yamlencode({ notifyUrl = var.notify_url }) } : {},
  )
}

module "canaries" {
  source = "../volume_files"

  name  = "${var.name_prefix}-canaries"
  files = var.canary_files
  image = var.writer_image
}

module "secrets" {
  source = "../volume_files"

  name  = "${var.name_prefix}-canary-secrets"
  files = local.secrets
  image = var.writer_image
}

# The controller reads these once, at its start. Of the others it notices when they change.
resource "terraform_data" "read_at_start" {
  input = sha256(jsonencode({
    for name, content in local.secrets : name => content if !contains(["tokens", "webhook-token", "tls.crt", "tls.key"], name)
  }))
}

resource "docker_image" "controller" {
  name         = var.image
  keep_locally = true
}

resource "docker_container" "controller" {
  name                  = "${var.name_prefix}-canary-controller"
  image                 = docker_image.controller.image_id
  restart               = "unless-stopped"
  memory                = var.memory_mb
  memory_swap           = var.memory_mb
  read_only             = true
  tmpfs                 = { "/tmp" = "rw,noexec,nosuid,size=16m" }
  stop_timeout          = 15 # it finishes the runs in hand within 10 s
  destroy_grace_seconds = 15

  env = concat(
    [
      "CANARY_LISTEN=0.0.0.0:${local.port}",
      "CANARY_CANARIES=${local.canaries_dir}",
      "CANARY_DB=/var/lib/canary/canary.db",
      "CANARY_NACOS=${join(",", var.nacos_urls)}",
      "CANARY_NACOS_USERNAME=${var.nacos_user}",
      "CANARY_NACOS_PASSWORD_FILE=${local.secrets_dir}/nacos-password",
      "CANARY_PROMETHEUS=${var.prometheus_url}",
      "CANARY_WEBHOOK_SECRET_FILE=${local.secrets_dir}/webhook-token",
      "CANARY_LOG_LEVEL=${var.log_level}",
      "CANARY_LOG_FORMAT=json",
    ],
    local.has_tokens ? ["CANARY_TOKENS=${local.secrets_dir}/tokens"] : [],
    local.has_tls ? ["CANARY_TLS_CERT=${local.secrets_dir}/tls.crt", "CANARY_TLS_KEY=${local.secrets_dir}/tls.key"] : [],
    local.is_telling ? ["CANARY_CONFIG=${local.secrets_dir}/settings.yaml"] : [],
  )

  networks_advanced {
    name    = var.network
    aliases = ["canary-controller"]
  }

  dynamic "ports" {
    for_each = var.host_port == null ? [] : [var.host_port]
    content {
      internal = local.port
      external = ports.value
      ip       = var.bind_address
    }
  }

  volumes {
    volume_name    = var.data_volume
    container_path = "/var/lib/canary"
  }

  volumes {
    volume_name    = module.canaries.volume
    container_path = local.canaries_dir
    read_only      = true
  }

  volumes {
    volume_name    = module.secrets.volume
    container_path = local.secrets_dir
    read_only      = true
  }

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges"]
  log_driver    = "json-file"
  log_opts      = { max-size = "10m", max-file = "5" }

  lifecycle {
    replace_triggered_by = [terraform_data.read_at_start]
  }
}
