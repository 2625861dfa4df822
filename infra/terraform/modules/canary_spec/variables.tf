variable "service" {
  description = "Name of the service; also the Canary's name and the value of the labels job and service on its series."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.service))
    error_message = "service must be a DNS label: lower-case letters, digits and -, with a letter or digit at both ends."
  }
}

variable "stable_revision" {
  description = "The version that is live. Used once: when neither the controller's store nor the rule in Nacos knows it."
  type        = string

  validation {
    condition     = length(trimspace(var.stable_revision)) > 0 && length(var.stable_revision) <= 128
    error_message = "stable_revision must be 1 to 128 characters."
  }
}

variable "revision" {
  description = "The version that should be live; null: the pipeline names it by POST /api/v1/canary/start."
  type        = string
  default     = null

  validation {
    condition     = var.revision == null || try(length(trimspace(var.revision)) > 0 && length(var.revision) <= 128, false)
    error_message = "revision must be 1 to 128 characters, or null."
  }
}

variable "steps" {
  description = "Percent of the users for the canary and how long each step lasts at least; approval: a person must approve before the next one."
  type = list(object({
    weight   = number
    bake     = string
    approval = optional(bool, false)
  }))
  default = [
    { weight = 5, bake = "5m" },
    { weight = 25, bake = "5m" },
    { weight = 50, bake = "5m" },
    { weight = 100, bake = "10m" },
  ]

  validation {
    condition     = length(var.steps) > 0 && try(var.steps[length(var.steps) - 1].weight == 100, false)
    error_message = "The last step must have weight 100."
  }
  validation {
    condition     = alltrue([for number, step in var.steps : step.weight >= 1 && step.weight <= 100 && floor(step.weight) == step.weight && (number == 0 || step.weight > try(var.steps[number - 1].weight, 0))])
    error_message = "Weights must be whole numbers from 1 to 100, each greater than the one before."
  }
  validation {
    condition     = alltrue([for step in var.steps : can(regex("^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", step.bake)) && step.bake != ""])
    error_message = "Every bake must be a duration such as 30s, 5m or 1h30m."
  }
  validation {
    condition     = length(var.steps) == 0 || !try(var.steps[length(var.steps) - 1].approval, false)
    error_message = "The last step has no next step that an approval could wait for."
  }
}

variable "scrape_interval_seconds" {
  description = "Seconds between two scrapes of the service; the window of the metrics holds four of them, and at least a minute."
  type        = number
  default     = 15

  validation {
    condition     = var.scrape_interval_seconds >= 1 && var.scrape_interval_seconds <= 120
    error_message = "scrape_interval_seconds must be from 1 to 120."
  }
}

variable "error_rate" {
  description = "How many more of its requests the canary may fail than stable, as a share; null: not asked. With min_requests the threshold judge has it."
  type = object({
    counter      = optional(string, "http_requests_total")
    bad          = optional(string, "code=~\"5..\"")
    max_delta    = optional(number, 0.005)
    min_requests = optional(number)
  })
  default = {}

  validation {
    condition     = var.error_rate == null || try(var.error_rate.max_delta >= 0 && var.error_rate.max_delta <= 1, false)
    error_message = "error_rate.max_delta is a share of the requests: from 0 to 1."
  }
}

variable "latency" {
  description = "How much slower the canary may be than stable at a quantile, in the unit of the histogram; null: not asked."
  type = object({
    histogram = optional(string, "request_latency_bucket")
    quantile  = optional(number, 0.99)
    max_delta = optional(number, 0.05)
  })
  default = {}

  validation {
    condition     = var.latency == null || try(var.latency.quantile > 0 && var.latency.quantile < 1, false)
    error_message = "latency.quantile must be between 0 and 1, for example 0.99."
  }
  validation {
    condition     = var.latency != null || var.error_rate != null
    error_message = "A canary that is not measured cannot be judged: keep error_rate or latency."
  }
}

variable "ready_instances" {
  description = "The first step waits until so many instances of the canary are scraped."
  type        = number
  default     = 1

  validation {
    condition     = var.ready_instances >= 1 && floor(var.ready_instances) == var.ready_instances
    error_message = "ready_instances must be a whole number of at least 1."
  }
}
