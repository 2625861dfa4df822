variable "ports" {
  description = "Host port of each published address, by a name that people know; null: not published."
  type        = map(number)

  validation {
    condition     = alltrue([for port in values(var.ports) : port == null || try(port >= 1 && port <= 65535 && floor(port) == port, false)])
    error_message = "Every host port must be a whole number from 1 to 65535, or null."
  }
}
