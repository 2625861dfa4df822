variable "service" {
  description = "Name of the service, as in the Canary's spec.service and in the rule document."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", var.service))
    error_message = "service must be a DNS label of at most 32 characters: lower-case letters, digits and -, with a letter or digit at both ends."
  }
}

variable "port" {
  description = "Port that every instance listens on, inside its container."
  type        = number
  default     = 8080

  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port must be a whole number from 1 to 65535."
  }
}

variable "stable" {
  description = "The version that is live, its image and how many instances it has."
  type = object({
    version  = string
    image    = string
    replicas = optional(number, 2)
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", var.stable.version))
    error_message = "stable.version must be at most 40 letters, digits and . _ - and begin with a letter or digit."
  }
  validation {
    condition     = var.stable.replicas >= 1 && var.stable.replicas <= 100 && floor(var.stable.replicas) == var.stable.replicas
    error_message = "stable.replicas must be a whole number from 1 to 100."
  }
  validation {
    condition     = can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.stable.image)) && !can(regex(":latest(@|$)", var.stable.image))
    error_message = "stable.image must name a tag other than latest, for example registry.example/checkout:v1.5.0."
  }
}

variable "canary" {
  description = "The version that is on trial; null when there is none. It gets no traffic until the controller says so."
  type = object({
    version  = string
    image    = string
    replicas = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.canary == null || can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", var.canary.version))
    error_message = "canary.version must be at most 40 letters, digits and . _ - and begin with a letter or digit."
  }
  validation {
    condition     = var.canary == null || try(var.canary.replicas >= 1 && var.canary.replicas <= 100 && floor(var.canary.replicas) == var.canary.replicas, false)
    error_message = "canary.replicas must be a whole number from 1 to 100; to remove the canary set canary = null."
  }
  validation {
    condition     = var.canary == null || (can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.canary.image)) && !can(regex(":latest(@|$)", var.canary.image)))
    error_message = "canary.image must name a tag other than latest, for example registry.example/checkout:v1.5.1."
  }
  validation {
    condition     = var.canary == null || lower(replace(try(var.canary.version, ""), "/[^A-Za-z0-9]/", "-")) != lower(replace(var.stable.version, "/[^A-Za-z0-9]/", "-"))
    error_message = "canary.version must differ from stable.version in more than punctuation and case. After a promotion name the new version as stable and set canary = null."
  }
}
