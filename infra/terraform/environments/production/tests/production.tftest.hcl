mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  controller_image        = "registry.example/canary-controller:0.1.0"
  nacos_database          = { host = "mysql.internal.example", name = "nacos", user = "nacos" }
  nacos_database_password = "database-for-tests"
  nacos_auth_token_key    = "dGhpcyBrZXkgaXMgZm9yIHRlc3RzIGFuZCBub3RoaW5nIGVsc2U="
  nacos_auth_identity     = "only-for-this-test"
  nacos_passwords         = { admin = "admin-for-tests", canary = "canary-for-tests", fleet = "fleet-for-tests" }
  grafana_admin_password  = "grafana-for-tests"
  webhook_token           = "token-for-tests-only-0123456789"
  controller_tokens       = "tokens: []"
  services = {
    checkout = {
      stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
      canary  = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1" }
      gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
      slo     = {}
    }
  }
}

# Only planned: an apply could not be taken down again, because the controller's volume refuses to be destroyed.
run "production_has_three_replicas_and_publishes_little" {
  command = plan

  assert {
    condition     = output.versions["checkout"]["v1.5.0"] == 3
    error_message = "Three stable instances are production's default."
  }
  assert {
    condition     = join(" ", keys(output.host_ports)) == "canary-controller checkout gateway grafana"
    error_message = "Nacos, Prometheus and Alertmanager stay inside."
  }
  assert {
    condition     = docker_volume.canary_data.name == "canary-production-canary-data"
    error_message = "The controller's volume must keep its name: a new name is an empty database."
  }
}

run "everything_may_move_to_another_address_of_the_host" {
  command = plan

  variables {
    bind_address = "10.0.0.5"
  }

  assert {
    condition     = output.urls["controller"] == "http://10.0.0.5:5001" && output.urls["checkout gateway"] == "http://10.0.0.5:8000"
    error_message = "The address must reach every published port."
  }
}

run "a_single_nacos_is_refused" {
  command = plan

  variables {
    nacos_members = 1
  }

  expect_failures = [var.nacos_members]
}

run "production_without_tokens_is_refused" {
  command = plan

  variables {
    controller_tokens = " "
  }

  expect_failures = [var.controller_tokens]
}

run "two_gateways_on_one_port_are_refused" {
  command = plan

  variables {
    services = {
      checkout = {
        stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
        gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
      }
      search = {
        stable  = { version = "7", image = "registry.example/search:7" }
        gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
      }
    }
  }

  expect_failures = [output.host_ports]
}
