mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  nacos_auth_token_key   = "dGhpcyBrZXkgaXMgZm9yIHRlc3RzIGFuZCBub3RoaW5nIGVsc2U="
  nacos_auth_identity    = "only-for-this-test"
  nacos_passwords        = { admin = "admin-for-tests", canary = "canary-for-tests", fleet = "fleet-for-tests" }
  grafana_admin_password = "grafana-for-tests"
  webhook_token          = "token-for-tests-only-0123456789"
  services = {
    checkout = {
      stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
      canary  = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1" }
      gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
      slo     = {}
    }
  }
}

run "the_whole_picture_stands_with_the_article_s_one_service" {
  command = apply

  assert {
    condition     = output.versions["checkout"]["v1.5.0"] == 1 && output.versions["checkout"]["v1.5.1"] == 1
    error_message = "Stable and canary must both run."
  }
  assert {
    condition     = output.urls["controller"] == "http://127.0.0.1:5001" && output.urls["checkout gateway"] == "http://127.0.0.1:8000"
    error_message = "The pipeline needs the controller, the users the gateway."
  }
  assert {
    condition     = length(output.canary_files) == 1 && output.canary_files[0] == "checkout.yaml"
    error_message = "The service must have its Canary."
  }
}

run "a_second_service_and_canary_files_of_one_s_own" {
  command = plan

  variables {
    canaries_dir  = "./tests/canaries"
    nacos_release = "2.5"
    services = {
      checkout = {
        stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
        gateway = { image = "registry.example/gateway:1.4.0", host_port = 8000 }
        slo     = {}
      }
      search = {
        stable  = { version = "7", image = "registry.example/search:7" }
        gateway = { image = "registry.example/gateway:1.4.0", host_port = 8001 }
      }
    }
  }

  assert {
    condition     = join(" ", output.canary_files) == "checkout.yaml search.yaml"
    error_message = "The file of search comes from the folder."
  }
  assert {
    condition     = output.host_ports["search gateway"] == 8001 && !contains(keys(output.host_ports), "nacos 8080")
    error_message = "Each gateway has a port of its own, and 2.5 no console port."
  }
}

run "a_gateway_on_the_port_of_prometheus_is_refused_before_anything_starts" {
  command = plan

  variables {
    services = {
      payment-service = {
        stable  = { version = "v1.5.0", image = "registry.example/payment:v1.5.0" }
        gateway = { image = "registry.example/gateway:1.4.0", host_port = 9090 }
      }
    }
  }

  expect_failures = [output.host_ports]
}
