mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  name_prefix    = "test"
  network        = "test"
  data_volume    = "test-canary-data"
  canary_files   = { "checkout.yaml" = "apiVersion: canary/v1\nkind: Canary\n" }
  nacos_urls     = ["http://nacos-0:8848/nacos", "http://nacos-1:8848/nacos"]
  nacos_user     = "canary"
  nacos_password = "canary-for-tests"
  prometheus_url = "http://prometheus:9090"
  webhook_token  = "token-for-tests-only-0123456789"
}

run "the_controller_finds_its_neighbors_and_its_secrets" {
  command = apply

  assert {
    condition = length(setsubtract([
      "CANARY_NACOS=http://nacos-0:8848/nacos,http://nacos-1:8848/nacos",
      "CANARY_NACOS_PASSWORD_FILE=/etc/canary/secrets/nacos-password",
      "CANARY_PROMETHEUS=http://prometheus:9090",
      "CANARY_WEBHOOK_SECRET_FILE=/etc/canary/secrets/webhook-token",
      "CANARY_LISTEN=0.0.0.0:5001",
    ], docker_container.controller.env)) == 0
    error_message = "A setting is missing."
  }
  assert {
    condition     = !anytrue([for line in docker_container.controller.env : strcontains(line, "for-tests")])
    error_message = "A secret in the environment is shown by docker inspect."
  }
  assert {
    condition     = !anytrue([for line in docker_container.controller.env : startswith(line, "CANARY_TOKENS=") || startswith(line, "CANARY_CONFIG=")])
    error_message = "Without tokens and a webhook there are no files for them."
  }
  assert {
    condition     = output.address == "canary-controller:5001" && output.url == null
    error_message = "Others in the network must find it; the host does not unless asked."
  }
}

run "the_database_outlives_the_container_and_nothing_else_can_be_written" {
  command = apply

  assert {
    condition = { for it in docker_container.controller.volumes : it.container_path => [it.volume_name, it.read_only == true] } == {
      "/var/lib/canary"      = ["test-canary-data", false]
      "/etc/canary/canaries" = ["test-canaries", true]
      "/etc/canary/secrets"  = ["test-canary-secrets", true]
    }
    error_message = "Only the data may be written."
  }
  assert {
    condition     = docker_container.controller.read_only && length(docker_container.controller.upload) == 0
    error_message = "Docker refuses uploads into a read-only root."
  }
}

run "tokens_and_the_webhook_for_people_come_by_files" {
  command = apply

  variables {
    tokens       = "tokens: []"
    notify_url   = "https://hooks.example/secret"
    bind_address = "10.0.0.5"
    host_port    = 5001
  }

  assert {
    condition     = length(setsubtract(["CANARY_TOKENS=/etc/canary/secrets/tokens", "CANARY_CONFIG=/etc/canary/secrets/settings.yaml"], docker_container.controller.env)) == 0
    error_message = "The controller must be told of both files."
  }
  assert {
    condition     = output.url == "http://10.0.0.5:5001"
    error_message = "With tokens the API may be published beyond loopback."
  }
}

run "with_a_certificate_it_speaks_https_and_nothing_else" {
  command = apply

  variables {
    tls       = { cert = "-----BEGIN CERTIFICATE-----\nx", key = "-----BEGIN PRIVATE KEY-----\nfor-tests" }
    host_port = 5001
  }

  assert {
    condition     = length(setsubtract(["CANARY_TLS_CERT=/etc/canary/secrets/tls.crt", "CANARY_TLS_KEY=/etc/canary/secrets/tls.key"], docker_container.controller.env)) == 0
    error_message = "The controller must be told of both files."
  }
  assert {
    condition     = !anytrue([for line in docker_container.controller.env : strcontains(line, "for-tests")])
    error_message = "The key belongs in a file."
  }
  assert {
    condition     = output.url == "https://127.0.0.1:5001"
    error_message = "Nothing but TLS is spoken on that port."
  }
}

run "a_certificate_that_is_a_path_is_refused" {
  command = plan

  variables {
    tls = { cert = "/etc/tls.crt", key = "/etc/tls.key" }
  }

  expect_failures = [var.tls]
}

run "beyond_loopback_without_tokens_is_refused" {
  command = plan

  variables {
    bind_address = "0.0.0.0"
    host_port    = 5001
  }

  expect_failures = [var.bind_address]
}

run "a_file_that_the_controller_would_not_read_is_refused" {
  command = plan

  variables {
    canary_files = { "checkout.json" = "apiVersion: canary/v1" }
  }

  expect_failures = [var.canary_files]
}

run "a_file_without_a_canary_is_refused" {
  command = plan

  variables {
    canary_files = { "checkout.yaml" = "service: checkout" }
  }

  expect_failures = [var.canary_files]
}

run "the_image_latest_is_refused" {
  command = plan

  variables {
    image = "canary-controller:latest"
  }

  expect_failures = [var.image]
}
