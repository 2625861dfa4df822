mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  name_prefix    = "test"
  network        = "test"
  service        = "checkout"
  stable         = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
  gateway        = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
  nacos_urls     = ["http://nacos-0:8848/nacos"]
  nacos_user     = "fleet"
  nacos_password = "fleet-for-tests"
}

run "without_a_canary_there_are_only_stable_instances" {
  command = apply

  assert {
    condition     = output.versions == { "v1.5.0" = 2 }
    error_message = "Two stable instances are the default."
  }
}

run "a_canary_is_added_beside_stable_with_its_own_version" {
  command = apply

  variables {
    canary = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1" }
  }

  assert {
    condition = { for key, it in docker_container.instance : key => [for line in it.env : line if startswith(line, "APP_VERSION=")][0] } == {
      "v1.5.0-0" = "APP_VERSION=v1.5.0"
      "v1.5.0-1" = "APP_VERSION=v1.5.0"
      "v1.5.1-0" = "APP_VERSION=v1.5.1"
    }
    error_message = "Every instance must know which version it is."
  }
  assert {
    condition     = alltrue([for it in docker_container.instance : length(it.ports) == 0])
    error_message = "Instances have no port of the host that could collide."
  }
  assert {
    condition     = contains(tolist(docker_container.instance["v1.5.1-0"].networks_advanced)[0].aliases, "checkout-v1-5-1-0") && strcontains(output.targets_json, "checkout-v1-5-1-0:8080")
    error_message = "An instance must listen where Prometheus is told that it does."
  }
}

run "promoting_keeps_the_promoted_instances_and_removes_the_old_ones" {
  command = plan

  variables {
    stable = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1", replicas = 1 }
  }

  assert {
    condition     = toset(keys(docker_container.instance)) == toset(["v1.5.1-0"]) && docker_container.instance["v1.5.1-0"].name == "test-checkout-v1-5-1-0"
    error_message = "The promoted instance must keep its key and its name."
  }
}

run "the_gateway_reads_its_files_again_and_has_the_only_host_port" {
  command = apply

  assert {
    condition     = length(setsubtract(["BACKENDS_FILE=/etc/fleet/backends.json", "NACOS_URL=http://nacos-0:8848/nacos", "NACOS_PASSWORD_FILE=/etc/fleet/nacos-password"], docker_container.gateway.env)) == 0
    error_message = "The gateway must find its backends, Nacos and the password."
  }
  assert {
    condition     = length(docker_container.gateway.upload) == 0 && !anytrue([for line in docker_container.gateway.env : strcontains(line, "v1.5.0")])
    error_message = "Anything of a version in the container itself would restart the gateway for a release."
  }
  assert {
    condition     = output.host_ports["checkout gateway"] == 8000 && output.gateway_url == "http://127.0.0.1:8000"
    error_message = "The published port must be told."
  }
}

run "instances_cannot_be_told_another_version" {
  command = plan

  variables {
    environment = { APP_VERSION = "v9" }
  }

  expect_failures = [var.environment]
}

run "a_gateway_without_a_pinned_image_is_refused" {
  command = plan

  variables {
    gateway = { image = "registry.example/gateway" }
  }

  expect_failures = [var.gateway]
}

run "a_nacos_without_its_context_path_is_refused" {
  command = plan

  variables {
    nacos_urls = ["http://nacos-0:8848"]
  }

  expect_failures = [var.nacos_urls]
}
