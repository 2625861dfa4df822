variable "name_prefix" {
  description = "Begins the name of every container and volume, so that environments can share an engine."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", var.name_prefix))
    error_message = "name_prefix must be a DNS label of at most 32 characters."
  }
}

variable "environment" {
  description = "Name of the environment; an external label of every series and alert."
  type        = string
}

variable "network" {
  description = "Name of the container network."
  type        = string
}

variable "images" {
  description = "Images of the three servers."
  type = object({
    prometheus   = optional(string, "prom/prometheus:v3.15.0")
    alertmanager = optional(string, "prom/alertmanager:v0.34.1")
    grafana      = optional(string, "grafana/grafana:13.2.2")
  })
  default = {}

  validation {
    condition = alltrue([
      for image in values(var.images) :
      can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", image)) && !can(regex(":latest(@|$)", image))
    ])
    error_message = "Every image must name a tag other than latest, for example prom/prometheus:v3.15.0."
  }
}

variable "scrape_interval_seconds" {
  description = "Seconds between two scrapes."
  type        = number
  default     = 15
}

variable "retention" {
  description = "How long Prometheus keeps series, for example 15d."
  type        = string
  default     = "15d"

  validation {
    condition     = can(regex("^[1-9][0-9]*[hdwy]$", var.retention))
    error_message = "retention must be a number and a unit of h, d, w or y, for example 15d."
  }
}

variable "target_files" {
  description = "What Prometheus scrapes: a file of target groups (JSON) by service."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for text in values(var.target_files) : can(jsondecode(text)[0].targets)])
    error_message = "Every target file must be a JSON list of groups with targets, as service_instances makes it."
  }
}

variable "rules_dir" {
  description = "Folder with rules for Prometheus (*.yml); null: none."
  type        = string
  default     = null
}

variable "grafana_dir" {
  description = "Folder with Grafana's provisioning/ and dashboards/; null: a Grafana without any."
  type        = string
  default     = null

  validation {
    condition     = var.grafana_dir == null || try(length(fileset(var.grafana_dir, "provisioning/**/*.{yml,yaml}")), 0) > 0
    error_message = "grafana_dir must hold provisioning/**.yml (and dashboards/*.json): this folder has none."
  }
}

variable "grafana_admin_password" {
  description = "Password of Grafana's user admin, set when its volume is new."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.grafana_admin_password) >= 12
    error_message = "grafana_admin_password must have at least 12 characters."
  }
}

variable "controller_address" {
  description = "HOST:PORT of the controller in the container network."
  type        = string
  default     = "canary-controller:5001"
}

variable "controller_ca" {
  description = "PEM text of the authority of the controller's certificate, by which Prometheus, Alertmanager and Grafana trust it; null: the controller speaks plain HTTP."
  type        = string
  default     = null

  validation {
    condition     = var.controller_ca == null || try(strcontains(var.controller_ca, "-----BEGIN CERTIFICATE-----"), false)
    error_message = "controller_ca must be the PEM text of a certificate, or null."
  }
}

variable "controller_matchers" {
  description = "Which alerts Alertmanager sends to the controller; null: those with the label canary_action."
  type        = list(string)
  default     = null
}

variable "webhook_token" {
  description = "Secret that Alertmanager and Grafana show to the controller's webhooks."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.webhook_token) >= 24 && can(regex("^[A-Za-z0-9._~+/=-]+$", var.webhook_token))
    error_message = "webhook_token must be at least 24 characters of a bearer token (letters, digits and ._~+/=-): openssl rand -hex 32."
  }
}

variable "people_webhook_url" {
  description = "Address that people are told of alerts at; null: nobody is told. It is treated as a secret, because such addresses mostly hold one."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.people_webhook_url == null || can(regex("^https?://[^\\s]+$", var.people_webhook_url))
    error_message = "people_webhook_url must begin with http:// or https://."
  }
}

variable "bind_address" {
  description = "Address of the host that ports are published on."
  type        = string
  default     = "127.0.0.1"

  validation {
    condition     = can(cidrhost("${var.bind_address}/32", 0))
    error_message = "bind_address must be an IPv4 address."
  }
}

variable "host_ports" {
  description = "Host port of each server; null: not published."
  type = object({
    prometheus   = optional(number)
    alertmanager = optional(number)
    grafana      = optional(number)
  })
  default = {}

  validation {
    condition     = alltrue([for port in values(var.host_ports) : port == null || try(port >= 1 && port <= 65535, false)])
    error_message = "Every host port must be from 1 to 65535, or null."
  }
}

variable "memory_mb" {
  description = "Memory limit of each server, in MB."
  type = object({
    prometheus   = optional(number, 1024)
    alertmanager = optional(number, 256)
    grafana      = optional(number, 512)
  })
  default = {}
}

variable "writer_image" {
  description = "Image with a POSIX shell that fills the volume of scrape targets."
  type        = string
  default     = "busybox:1.37.0"
}
