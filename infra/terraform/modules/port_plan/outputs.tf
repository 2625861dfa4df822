output "published" {
  description = "The ports that are really published, by name."
  value       = local.published
}

output "collisions" {
  description = "One line for each port that is wanted more than once. Refuse to plan unless it is empty."
  value       = [for port, names in local.by_port : "${port} is wanted by ${join(" and ", names)}" if length(names) > 1]
}
