# Copy to terraform.tfvars and change. Secrets do not belong here: give them as TF_VAR_… (see ../../README.md).

docker_host      = "ssh://deploy@production.example"
controller_image = "registry.example/canary-controller:0.1.0"
nacos_database   = { host = "mysql.internal.example", name = "nacos", user = "nacos" }
bind_address     = "10.0.0.5"

services = {
  checkout = {
    stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
    canary  = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1" }
    gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
    slo     = {}
  }
}
