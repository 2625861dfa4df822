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

variable "service" {
  description = "Name of the service, as in the Canary's spec.service and in the rule document."
  type        = string
}

variable "stable" {
  description = "The version that is live, its image and how many instances it has."
  type = object({
    version  = string
    image    = string
    replicas = optional(number, 2)
  })
}

variable "canary" {
  description = "The version that is on trial; null when there is none."
  type = object({
    version  = string
    image    = string
    replicas = optional(number, 1)
  })
  default = null
}

variable "port" {
  description = "Port that every instance listens on, inside its container."
  type        = number
  default     = 8080
}

variable "environment" {
  description = "More environment variables of every instance. SERVICE, APP_VERSION and PORT are set here."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.environment), ["SERVICE", "APP_VERSION", "PORT"])) == 0
    error_message = "SERVICE, APP_VERSION and PORT are set by this module: the version must be the one that is scraped."
  }
}

variable "gateway" {
  description = "What splits the traffic by the rule in Nacos: its image, its own port and the host port that it is published on (null: not published)."
  type = object({
    image       = string
    port        = optional(number, 8080)
    host_port   = optional(number)
    environment = optional(map(string), {})
  })

  validation {
    condition     = can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.gateway.image)) && !can(regex(":latest(@|$)", var.gateway.image))
    error_message = "gateway.image must name a tag other than latest, for example registry.example/gateway:1.4.0."
  }
  validation {
    condition     = var.gateway.host_port == null || try(var.gateway.host_port >= 1 && var.gateway.host_port <= 65535, false)
    error_message = "gateway.host_port must be from 1 to 65535, or null."
  }
}

variable "nacos_urls" {
  description = "Addresses of Nacos with the context path, as the gateway reaches them."
  type        = list(string)

  validation {
    condition     = length(var.nacos_urls) > 0 && alltrue([for url in var.nacos_urls : can(regex("^https?://[^/\\s]+/\\S+$", url))])
    error_message = "nacos_urls must hold at least one address with its context path, for example http://nacos-0:8848/nacos."
  }
}

variable "nacos_user" {
  description = "User of Nacos that the gateway reads the rule as."
  type        = string
}

variable "nacos_password" {
  description = "Password of nacos_user."
  type        = string
  sensitive   = true
}

variable "bind_address" {
  description = "Address of the host that the gateway is published on."
  type        = string
  default     = "127.0.0.1"

  validation {
    condition     = can(cidrhost("${var.bind_address}/32", 0))
    error_message = "bind_address must be an IPv4 address."
  }
}

variable "memory_mb" {
  description = "Memory limit of each instance and of the gateway, in MB."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 16
    error_message = "memory_mb must be at least 16."
  }
}

variable "writer_image" {
  description = "Image with a POSIX shell that fills the gateway's volume."
  type        = string
  default     = "busybox:1.37.0"
}
