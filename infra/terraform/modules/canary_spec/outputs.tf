output "yaml" {
  description = "The Canary document."
  value       = yamlencode(local.canary)
}

output "file_name" {
  description = "Name for the file in the controller's directory."
  value       = "${var.service}.yaml"
}
