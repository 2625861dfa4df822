variable "docker_host" {
  description = "Docker engine to use, for example ssh://deploy@production.example; null: the one that the docker command uses."
  type        = string
  default     = null
}

variable "nacos_release" {
  description = "3.1 or 2.5."
  type        = string
  default     = "3.1"
}

variable "controller_image" {
  description = "Image of the controller in your registry, with a tag other than latest."
  type        = string
}

variable "services" {
  description = <<-EOT
    The services by name. stable is the version that is live, canary the one on trial (leave it out when there is none).
    slo: how much worse than stable the canary may be, {} for the usual; left out: its Canary file is in canaries_dir.
  EOT
  type = map(object({
    stable      = object({ version = string, image = string, replicas = optional(number, 3) })
    canary      = optional(object({ version = string, image = string, replicas = optional(number, 1) }))
    port        = optional(number, 8080)
    environment = optional(map(string), {})
    gateway     = object({ image = string, port = optional(number, 8080), host_port = optional(number), environment = optional(map(string), {}) })
    slo         = optional(object({ error_rate_delta = optional(number, 0.005), latency_p99_delta = optional(number, 0.05) }))
  }))
}

variable "canaries_dir" {
  description = "Folder with Canary files of your own; null: only those made from services."
  type        = string
  default     = null
}

variable "grafana_dir" {
  description = "Folder with Grafana's provisioning/ and dashboards/; null: the project's."
  type        = string
  default     = null
}

variable "rules_dir" {
  description = "Folder with rules for Prometheus (*.yml); null: the project's, about the controller."
  type        = string
  default     = null
}

variable "bind_address" {
  description = "Address of the host that ports are published on. Put a proxy with TLS in front of anything but loopback."
  type        = string
  default     = "127.0.0.1"
}

variable "host_ports" {
  description = "What is published, and where. A name that is left out is not published."
  type        = map(number)
  default     = { controller = 5001, grafana = 3000 }

  validation {
    condition     = length(setsubtract(keys(var.host_ports), ["nacos", "nacos_console", "prometheus", "alertmanager", "grafana", "controller"])) == 0
    error_message = "host_ports knows nacos, nacos_console, prometheus, alertmanager, grafana and controller; the port of a gateway is in its service."
  }
}

variable "nacos_members" {
  description = "3, 5 or 7 members of the cluster."
  type        = number
  default     = 3

  validation {
    condition     = contains([3, 5, 7], var.nacos_members)
    error_message = "Production has a cluster of 3, 5 or 7 members; a single Nacos is what staging has."
  }
}

variable "nacos_database" {
  description = "The external MySQL of the cluster. Its schema must be there before the first apply (see README)."
  type = object({
    host       = string
    port       = optional(number, 3306)
    name       = string
    user       = string
    parameters = optional(string, "characterEncoding=utf8&connectTimeout=1000&socketTimeout=3000&autoReconnect=true&sslMode=REQUIRED")
  })
}

variable "nacos_database_password" {
  description = "Password of nacos_database.user."
  type        = string
  sensitive   = true
}

variable "retention" {
  description = "How long Prometheus keeps series."
  type        = string
  default     = "30d"
}

variable "nacos_auth_token_key" {
  description = "Key that Nacos signs its tokens with: openssl rand -base64 32."
  type        = string
  sensitive   = true
}

variable "nacos_auth_identity" {
  description = "Secret of Nacos' own: openssl rand -hex 16."
  type        = string
  sensitive   = true
}

variable "nacos_passwords" {
  description = "Passwords of Nacos' users: the administrator, the controller and the gateways."
  type        = object({ admin = string, canary = string, fleet = string })
  sensitive   = true
}

variable "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  type        = string
  sensitive   = true
}

variable "webhook_token" {
  description = "Secret between Alertmanager, Grafana and the controller: openssl rand -hex 32."
  type        = string
  sensitive   = true
}

variable "controller_tokens" {
  description = "Content of the controller's tokens file, as `canary token create` writes it. Pipelines start canaries with one."
  type        = string
  sensitive   = true

  validation {
    condition     = length(trimspace(coalesce(var.controller_tokens, " "))) > 0
    error_message = "Without tokens no pipeline could start a canary: canary token create."
  }
}

variable "controller_tls" {
  description = "PEM text of the controller's certificate and key; null: plain HTTP. The certificate must name canary-controller."
  type        = object({ cert = string, key = string })
  default     = null
  sensitive   = true
}

variable "controller_ca" {
  description = "PEM text of the authority of controller_tls: Prometheus, Alertmanager and Grafana trust it. Goes with controller_tls."
  type        = string
  default     = null

  validation {
    condition     = (var.controller_ca == null) == nonsensitive(var.controller_tls == null)
    error_message = "controller_tls and controller_ca belong together: without its authority nobody scrapes the controller, and no alert reaches it."
  }
}

variable "people_webhook_url" {
  description = "Where people are told of alerts; null: nobody is told."
  type        = string
  default     = null
  sensitive   = true
}

variable "notify_url" {
  description = "Where people are told of rollbacks and pauses; null: nobody is told."
  type        = string
  default     = null
  sensitive   = true
}
