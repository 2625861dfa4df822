variable "environment" {
  description = "Name of the environment; an external label of every series and alert."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", var.environment))
    error_message = "environment must be a DNS label of at most 32 characters."
  }
}

variable "scrape_interval_seconds" {
  description = "Seconds between two scrapes, and between two evaluations of the rules. A Canary's window should hold at least four."
  type        = number
  default     = 15

  validation {
    condition     = var.scrape_interval_seconds >= 1 && var.scrape_interval_seconds <= 120 && floor(var.scrape_interval_seconds) == var.scrape_interval_seconds
    error_message = "scrape_interval_seconds must be a whole number from 1 to 120: Prometheus forgets a series that was not scraped for five minutes."
  }
}

variable "addresses" {
  description = "HOST:PORT of each part, as the others reach it in the container network."
  type = object({
    prometheus   = optional(string, "prometheus:9090")
    alertmanager = optional(string, "alertmanager:9093")
    grafana      = optional(string, "grafana:3000")
    controller   = optional(string, "canary-controller:5001")
  })
  default = {}

  validation {
    condition     = alltrue([for address in values(var.addresses) : can(regex("^[A-Za-z0-9.-]+:[0-9]{1,5}$", address))])
    error_message = "Every address must be HOST:PORT, for example prometheus:9090."
  }
  validation {
    condition     = length(distinct(values(var.addresses))) == length(values(var.addresses))
    error_message = "Two parts cannot have the same address."
  }
}

variable "targets_glob" {
  description = "Where Prometheus finds the files with the services' instances, inside its container."
  type        = string
  default     = "/etc/prometheus/targets/*.json"
}

variable "rules_glob" {
  description = "Where Prometheus finds recording and alerting rules, inside its container."
  type        = string
  default     = "/etc/prometheus/rules/*.yml"
}

variable "webhook_token_file" {
  description = "Where Alertmanager finds the secret of the controller's webhook, inside its container."
  type        = string
  default     = "/etc/alertmanager/webhook-token"
}

variable "controller_ca_file" {
  description = "Where Prometheus and Alertmanager find the authority of the controller's certificate, inside their containers; null: the controller speaks plain HTTP."
  type        = string
  default     = null
}

variable "people_webhook_url_file" {
  description = "Where Alertmanager finds the address that people are told at, inside its container; null: alerts for people are only shown by Alertmanager itself."
  type        = string
  default     = null
}

variable "controller_matchers" {
  description = "Which alerts go to the controller, as Alertmanager matchers; all must hold. By default those that say what they want, a mistaken word too (the controller pauses then), so that an alert about the controller itself never steers it."
  type        = list(string)
  default     = ["canary_action=~\".+\"", "canary_action!=\"ignore\""]

  validation {
    condition     = length(var.controller_matchers) > 0
    error_message = "Without a matcher every alert would steer the controller; name at least one."
  }
}
