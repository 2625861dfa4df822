variable "name" {
  description = "Name of the volume, and of the container that fills it."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_.-]+$", var.name))
    error_message = "name must be letters, digits and . _ - and begin with a letter or digit, as Docker wants it."
  }
}

variable "files" {
  description = "What the volume holds, by file name. Contents may be sensitive, names never are."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.files) : can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", name))])
    error_message = "File names must be letters, digits and . _ - without folders, and must not begin with a dot."
  }
  validation {
    condition     = alltrue([for content in values(var.files) : try(length(content) > 0, false)])
    error_message = "No file may be empty: the Docker provider refuses to upload one."
  }
}

variable "image" {
  description = "Image with a POSIX shell and cp, mv, rm, chmod and mkdir."
  type        = string
  default     = "busybox:1.37.0"

  validation {
    condition     = can(regex("^[^@\\s]+:[A-Za-z0-9_][A-Za-z0-9_.-]*(@sha256:[0-9a-f]{64})?$", var.image)) && !can(regex(":latest(@|$)", var.image))
    error_message = "image must name a tag other than latest, for example busybox:1.37.0."
  }
}
