variable "name_prefix" {
  description = "Begins the name of every container and volume, so that environments can share an engine."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", var.name_prefix))
    error_message = "name_prefix must be a DNS label of at most 32 characters."
  }
}

variable "network" {
  description = "Name of the container network."
  type        = string
}

variable "image" {
  description = "Image of the controller, built from infra/docker/Dockerfile and tagged with its version."
  type        = string
  default     = "canary-controller:0.1.0"

  validation {
    condition     = can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.image)) && !can(regex(":latest(@|$)", var.image))
    error_message = "image must name a tag other than latest, for example canary-controller:0.1.0."
  }
}

variable "data_volume" {
  description = "Name of the volume with the controller's database. It belongs to the environment, so that only the environment can lose it."
  type        = string
}

variable "canary_files" {
  description = "The directory of Canary files: content by file name."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.canary_files) : can(regex("^[A-Za-z0-9_].*\\.ya?ml$", name))])
    error_message = "Canary files must be called NAME.yaml or NAME.yml: the controller reads no others."
  }
  validation {
    condition = alltrue([
      for text in values(var.canary_files) : alltrue([
        for document in split("\n---\n", text) : can(regex("canary/v1", document)) || length(trimspace(document)) == 0
      ])
    ])
    error_message = "Every document must be of apiVersion canary/v1; `canary lint DIR` says what is wrong with a file."
  }
}

variable "nacos_urls" {
  description = "Addresses of Nacos with the context path."
  type        = list(string)

  validation {
    condition     = length(var.nacos_urls) > 0 && alltrue([for url in var.nacos_urls : can(regex("^https?://[^/\\s]+/\\S+$", url))])
    error_message = "nacos_urls must hold at least one address with its context path, for example http://nacos-0:8848/nacos."
  }
}

variable "nacos_user" {
  description = "User of Nacos that may read and write the rules."
  type        = string
}

variable "nacos_password" {
  description = "Password of nacos_user."
  type        = string
  sensitive   = true
}

variable "prometheus_url" {
  description = "Address of Prometheus."
  type        = string

  validation {
    condition     = can(regex("^https?://[^\\s]+$", var.prometheus_url))
    error_message = "prometheus_url must begin with http:// or https://."
  }
}

variable "webhook_token" {
  description = "Secret that Alertmanager and Grafana show to the webhooks."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.webhook_token) >= 24
    error_message = "webhook_token must have at least 24 characters: openssl rand -hex 32."
  }
}

variable "tokens" {
  description = "Content of the tokens file that `canary token create` writes; null: reads are open, and writes are taken from inside the container only."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.tokens == null || try(length(trimspace(var.tokens)) > 0, false)
    error_message = "tokens must be the content of a tokens file, or null."
  }
}

variable "tls" {
  description = "PEM text of the certificate, with those that lead to its authority, and of its key; null: plain HTTP. The certificate must name canary-controller, and what callers from outside use. A renewed pair is taken in without a restart."
  type        = object({ cert = string, key = string })
  default     = null
  sensitive   = true

  validation {
    condition     = var.tls == null || try(strcontains(var.tls.cert, "-----BEGIN CERTIFICATE-----") && strcontains(var.tls.key, "PRIVATE KEY-----"), false)
    error_message = "tls must hold the PEM text of a certificate and of its private key, or be null."
  }
}

variable "notify_url" {
  description = "Webhook that is told of rollbacks and pauses; null: none. It is treated as a secret, because such addresses mostly hold one."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.notify_url == null || can(regex("^https?://[^\\s]+$", var.notify_url))
    error_message = "notify_url must begin with http:// or https://."
  }
}

variable "log_level" {
  description = "debug, info, warn or error."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "log_level must be debug, info, warn or error."
  }
}

variable "bind_address" {
  description = "Address of the host that the API is published on."
  type        = string
  default     = "127.0.0.1"

  validation {
    condition     = can(cidrhost("${var.bind_address}/32", 0))
    error_message = "bind_address must be an IPv4 address."
  }
  validation {
    condition     = startswith(var.bind_address, "127.") || nonsensitive(var.tokens != null)
    error_message = "Beyond loopback the API needs tokens: set tokens, or leave bind_address at 127.0.0.1."
  }
}

variable "host_port" {
  description = "Host port of the API; null: not published."
  type        = number
  default     = null

  validation {
    condition     = var.host_port == null || try(var.host_port >= 1 && var.host_port <= 65535, false)
    error_message = "host_port must be from 1 to 65535, or null."
  }
}

variable "memory_mb" {
  description = "Memory limit, in MB."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 128
    error_message = "memory_mb must be at least 128."
  }
}

variable "writer_image" {
  description = "Image with a POSIX shell that fills the volumes of Canary files and secrets."
  type        = string
  default     = "busybox:1.37.0"
}
