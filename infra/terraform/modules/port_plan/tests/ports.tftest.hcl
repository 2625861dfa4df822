run "different_ports_are_fine_and_unpublished_ones_are_left_out" {
  command = apply

  variables {
    ports = { prometheus = 9090, grafana = 3000, alertmanager = null, controller = null }
  }

  assert {
    condition     = output.published == { prometheus = 9090, grafana = 3000 }
    error_message = "Only what has a host port is published."
  }
  assert {
    condition     = length(output.collisions) == 0
    error_message = "Different ports, and ports that are not published, do not collide."
  }
}

run "a_canary_on_the_port_of_prometheus_is_found" {
  command = apply

  variables {
    ports = { prometheus = 9090, "payment-service canary" = 9090, grafana = 3000 }
  }

  assert {
    condition     = join(";", output.collisions) == "9090 is wanted by payment-service canary and prometheus"
    error_message = "The collision must be told with both names."
  }
}

run "a_port_out_of_range_is_refused" {
  command = plan

  variables {
    ports = { grafana = 70000 }
  }

  expect_failures = [var.ports]
}
