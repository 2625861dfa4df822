# Finds out at plan time whether two things want the same port of the host. Provider-free.
#
# Docker notices such a collision only when the second container starts, halfway through an apply.

locals {
  published = { for name, port in var.ports : name => port if port != null }
  by_port   = { for name, port in local.published : tostring(port) => name... }
}
