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

variable "release" {
  description = "Which Nacos: 3.1 (current line that still serves every client) or 2.5."
  type        = string
  default     = "3.1"

  validation {
    condition     = contains(["3.1", "2.5"], var.release)
    error_message = "release must be 3.1 or 2.5."
  }
}

variable "image" {
  description = "Another image of the same release, for example in a registry of your own; null: nacos/nacos-server with the pinned tag."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || (can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.image)) && !can(regex(":latest(@|$)", var.image)))
    error_message = "image must name a tag other than latest, for example nacos/nacos-server:v3.1.2."
  }
}

variable "members" {
  description = "1: standalone. 3, 5 or 7: a cluster, which needs a database."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 3, 5, 7], var.members)
    error_message = "members must be 1, 3, 5 or 7: an even number tolerates no more failures than the odd one below it."
  }
  validation {
    condition     = var.members == 1 || var.database != null
    error_message = "A cluster keeps its configuration in an external database: set database, or members = 1."
  }
}

variable "database" {
  description = "The external MySQL that Nacos keeps its configuration in; null: the embedded store of a standalone server. The schema must be there already."
  type = object({
    host = string
    port = optional(number, 3306)
    name = string
    user = string
    # Connector/J parameters. The image's own default would send the password in the clear.
    parameters = optional(string, "characterEncoding=utf8&connectTimeout=1000&socketTimeout=3000&autoReconnect=true&sslMode=REQUIRED")
  })
  default = null

  validation {
    condition     = var.database == null || try(var.database.port >= 1 && var.database.port <= 65535, false)
    error_message = "database.port must be from 1 to 65535."
  }
}

variable "database_password" {
  description = "Password of database.user."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = (var.database == null) == (var.database_password == null)
    error_message = "database and database_password belong together: set both or none."
  }
}

variable "auth_token_key" {
  description = "Key that Nacos signs its tokens with: base64 of at least 32 bytes, for example from `openssl rand -base64 32`."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9+/]{43,}={0,2}$", var.auth_token_key))
    error_message = "auth_token_key must be base64 of at least 32 bytes: openssl rand -base64 32."
  }
}

variable "auth_identity" {
  description = "Secret by which the members of the cluster know each other; at least 16 characters."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.auth_identity) >= 16
    error_message = "auth_identity must have at least 16 characters."
  }
}

variable "passwords" {
  description = "Passwords of Nacos' users: nacos (the administrator), canary (the controller) and fleet (the gateways, read only)."
  type        = object({ admin = string, canary = string, fleet = string })
  sensitive   = true

  validation {
    condition     = alltrue([for password in values(var.passwords) : length(password) >= 12])
    error_message = "Every password must have at least 12 characters."
  }
  validation {
    condition     = length(distinct(values(var.passwords))) == 3
    error_message = "The three passwords must differ: a gateway must not be able to write rules."
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

variable "host_port" {
  description = "Host port of the first member's API; clients with gRPC also need the port 1000 above it, which is published too. Null: not published."
  type        = number
  default     = null

  validation {
    condition     = var.host_port == null || try(var.host_port >= 1 && var.host_port <= 64535 && floor(var.host_port) == var.host_port, false)
    error_message = "host_port must be from 1 to 64535, because the port 1000 above it is used as well."
  }
}

variable "console_host_port" {
  description = "Host port of the console. Null: not published. Nacos 2.5 has its console at the API's port."
  type        = number
  default     = null

  validation {
    condition     = var.console_host_port == null || var.release != "2.5"
    error_message = "Nacos 2.5 serves its console at host_port, below /nacos; leave console_host_port out."
  }
}

variable "heap_mb" {
  description = "Java heap of each member, in MB. The container may use half as much again and 256 MB."
  type        = number
  default     = 512

  validation {
    condition     = var.heap_mb >= 512 && floor(var.heap_mb) == var.heap_mb
    error_message = "heap_mb must be a whole number of at least 512."
  }
}
