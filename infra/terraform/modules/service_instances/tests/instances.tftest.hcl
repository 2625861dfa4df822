variables {
  service = "checkout"
  stable  = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
  canary  = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1" }
}

run "stable_and_canary_are_both_scraped_with_their_version" {
  command = apply

  assert {
    condition = output.target_groups == [
      { targets = ["checkout-v1-5-0-0:8080", "checkout-v1-5-0-1:8080"], labels = { job = "checkout", service = "checkout", version = "v1.5.0" } },
      { targets = ["checkout-v1-5-1-0:8080"], labels = { job = "checkout", service = "checkout", version = "v1.5.1" } },
    ]
    error_message = "Both versions must be there, each with the labels that the controller asks for."
  }
  assert {
    condition     = jsondecode(output.targets_json) == jsondecode(jsonencode(output.target_groups))
    error_message = "The file holds other targets than the module tells."
  }
  assert {
    condition     = jsondecode(output.backends_json).fallback == "v1.5.0" && jsondecode(output.backends_json).versions["v1.5.1"] == ["http://checkout-v1-5-1-0:8080"]
    error_message = "The gateway must find each version, and fall back to stable."
  }
}

run "a_promotion_changes_no_instance_of_the_promoted_version" {
  command = apply

  variables {
    stable = { version = "v1.5.1", image = "registry.example/checkout:v1.5.1", replicas = 1 }
    canary = null
  }

  assert {
    condition     = output.instances == { "v1.5.1-0" = run.stable_and_canary_are_both_scraped_with_their_version.instances["v1.5.1-0"] }
    error_message = "The promoted instance must keep its key, host and image, else it would be restarted."
  }
}

run "a_canary_that_is_already_stable_is_refused" {
  command = plan

  variables {
    canary = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0" }
  }

  expect_failures = [var.canary]
}

run "versions_that_would_share_a_host_name_are_refused" {
  command = plan

  variables {
    canary = { version = "v1-5-0", image = "registry.example/checkout:v1-5-0" }
  }

  expect_failures = [var.canary]
}

run "the_image_latest_is_refused" {
  command = plan

  variables {
    stable = { version = "v1.5.0", image = "registry.example/checkout:latest" }
  }

  expect_failures = [var.stable]
}

run "an_image_without_a_tag_is_refused_also_behind_a_port" {
  command = plan

  variables {
    canary = { version = "v1.5.1", image = "registry.example:5000/checkout" }
  }

  expect_failures = [var.canary]
}

run "a_name_that_is_no_dns_label_is_refused" {
  command = plan

  variables {
    service = "Check_out"
  }

  expect_failures = [var.service]
}

run "no_instances_at_all_are_refused" {
  command = plan

  variables {
    stable = { version = "v1.5.0", image = "registry.example/checkout:v1.5.0", replicas = 0 }
  }

  expect_failures = [var.stable]
}
