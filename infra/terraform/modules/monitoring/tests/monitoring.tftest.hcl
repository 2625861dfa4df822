mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  name_prefix            = "test"
  environment            = "test"
  network                = "test"
  grafana_admin_password = "grafana-for-tests"
  webhook_token          = "token-for-tests-only-0123456789"
  target_files           = { checkout = "[{\"targets\":[\"checkout-v1-0:8080\"],\"labels\":{\"version\":\"v1\"}}]" }
}

run "everything_is_in_the_container_network_and_nothing_is_published_by_default" {
  command = apply

  assert {
    condition = alltrue([
      for it in [docker_container.prometheus, docker_container.alertmanager, docker_container.grafana] :
      tolist(it.networks_advanced)[0].name == "test" && length(it.ports) == 0
    ])
    error_message = "The servers reach each other by name, and a port is published only where one is asked for."
  }
  assert {
    condition     = [for name in ["prometheus", "alertmanager", "grafana"] : docker_image.this[name].name] == ["prom/prometheus:v3.15.0", "prom/alertmanager:v0.34.1", "grafana/grafana:13.2.2"]
    error_message = "The images must be pinned."
  }
  assert {
    condition     = contains([for it in docker_container.prometheus.volumes : it.volume_name if it.container_path == "/etc/prometheus/targets" && it.read_only == true], "test-targets")
    error_message = "Prometheus must read the targets from the volume that this configuration feeds."
  }
}

run "the_targets_are_no_part_of_prometheus_itself_so_that_a_new_version_restarts_nothing" {
  command = apply

  assert {
    condition     = !anytrue([for it in docker_container.prometheus.upload : strcontains(it.content, "checkout")])
    error_message = "An upload that changes replaces the container."
  }
}

run "the_secret_reaches_alertmanager_and_grafana_as_a_file" {
  command = apply

  assert {
    condition = alltrue([
      for it in [docker_container.alertmanager, docker_container.grafana] :
      length([for file in it.upload : file if nonsensitive(file.content) == "token-for-tests-only-0123456789" && endswith(nonsensitive(file.file), "/webhook-token")]) == 1
    ])
    error_message = "Both send to the controller's webhooks and need the secret."
  }
  assert {
    condition     = !anytrue([for line in docker_container.grafana.env : strcontains(line, "token-for-tests")])
    error_message = "A secret in the environment is shown by docker inspect."
  }
  assert {
    condition     = contains(docker_container.grafana.env, "CANARY_WEBHOOK_URL=http://canary-controller:5001/webhooks/grafana")
    error_message = "The contact point needs the controller's address."
  }
}

run "grafana_gets_its_provisioning_and_dashboards_and_prometheus_its_rules" {
  command = apply

  variables {
    grafana_dir = "../../../grafana"
    rules_dir   = "../../../prometheus-rules"
  }

  assert {
    condition = length(setsubtract(
      [
        "/etc/grafana/provisioning/datasources/prometheus.yml",
        "/etc/grafana/provisioning/alerting/contact-points.yml",
        "/etc/grafana/dashboards/fleet.json",
      ],
      [for it in docker_container.grafana.upload : nonsensitive(it.file)],
    )) == 0
    error_message = "The files of grafana_dir must be in the container."
  }
  assert {
    condition     = contains([for it in docker_container.prometheus.upload : it.file], "/etc/prometheus/rules/controller.yml")
    error_message = "The rules must be where prometheus.yml looks for them."
  }
}

run "a_controller_with_a_certificate_is_trusted_by_all_three" {
  command = apply

  variables {
    controller_ca = "-----BEGIN CERTIFICATE-----\nx"
  }

  assert {
    condition = alltrue([
      for container in [docker_container.prometheus, docker_container.alertmanager, docker_container.grafana] :
      contains([for it in container.upload : it.file], "/etc/canary-ca/controller.pem")
    ])
    error_message = "Each of them needs the authority."
  }
  assert {
    condition     = length(setsubtract(["CANARY_WEBHOOK_URL=https://canary-controller:5001/webhooks/grafana", "SSL_CERT_DIR=/etc/ssl/certs:/etc/canary-ca"], docker_container.grafana.env)) == 0
    error_message = "Grafana must send its alerts by https, to an authority that it trusts."
  }
}

run "published_ports_are_told" {
  command = apply

  variables {
    host_ports = { prometheus = 9090, grafana = 3000 }
  }

  assert {
    condition     = output.host_ports == { grafana = 3000, prometheus = 9090 } && output.urls["grafana"] == "http://127.0.0.1:3000"
    error_message = "Whoever plans the host's ports needs to know."
  }
  assert {
    condition     = [for it in docker_container.prometheus.ports : [it.internal, it.external, it.ip]] == [[9090, 9090, "127.0.0.1"]]
    error_message = "Ports are published on loopback."
  }
}

run "people_are_told_where_an_address_is_given" {
  command = apply

  variables {
    people_webhook_url = "https://hooks.example/secret"
  }

  assert {
    condition     = length([for it in docker_container.alertmanager.upload : it if nonsensitive(it.content) == "https://hooks.example/secret"]) == 1
    error_message = "The address must be in a file of its own."
  }
}

run "a_folder_without_provisioning_is_refused" {
  command = plan

  variables {
    grafana_dir = "../../../prometheus-rules"
  }

  expect_failures = [var.grafana_dir]
}

run "targets_that_are_no_target_groups_are_refused" {
  command = plan

  variables {
    target_files = { checkout = "{}" }
  }

  expect_failures = [var.target_files]
}

run "a_short_webhook_token_is_refused" {
  command = plan

  variables {
    webhook_token = "short"
  }

  expect_failures = [var.webhook_token]
}

run "the_image_latest_is_refused" {
  command = plan

  variables {
    images = { grafana = "grafana/grafana:latest" }
  }

  expect_failures = [var.images]
}
