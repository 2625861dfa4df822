variables {
  environment = "staging"
}

run "services_are_found_by_files_and_never_listed_by_hand" {
  command = apply

  assert {
    condition = [
      for scrape in yamldecode(output.prometheus_yml).scrape_configs : scrape.file_sd_configs[0].files if scrape.job_name == "services"
    ] == [["/etc/prometheus/targets/*.json"]]
    error_message = "The job of the services must read the files that this configuration feeds."
  }
  assert {
    condition = alltrue([
      for scrape in yamldecode(output.prometheus_yml).scrape_configs : !can(scrape.static_configs) if scrape.job_name == "services"
    ])
    error_message = "No service may be listed by hand."
  }
}

run "prometheus_scrapes_the_controller_and_sends_alerts" {
  command = apply

  assert {
    condition     = contains([for scrape in yamldecode(output.prometheus_yml).scrape_configs : try(scrape.static_configs[0].targets[0], "")], "canary-controller:5001")
    error_message = "The controller's own metrics are missing."
  }
  assert {
    condition     = yamldecode(output.prometheus_yml).alerting.alertmanagers[0].static_configs[0].targets == ["alertmanager:9093"]
    error_message = "Alerts have nowhere to go."
  }
}

run "an_alert_that_says_what_it_wants_reaches_the_controller_with_the_secret" {
  command = apply

  assert {
    condition     = yamldecode(output.alertmanager_yml).route.routes[0].matchers == ["canary_action=~\".+\"", "canary_action!=\"ignore\""] && yamldecode(output.alertmanager_yml).route.routes[0].receiver == "canary-controller"
    error_message = "The first route must take the alerts that carry canary_action, mistaken ones too, but for those to be ignored."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).route.routes[0].group_wait == "0s" && yamldecode(output.alertmanager_yml).route.routes[0].repeat_interval == "2m"
    error_message = "An alert must be told at once, and one that promotes again at each weight, within a minute or two."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[1].webhook_configs[0].url == "http://canary-controller:5001/webhooks/alertmanager"
    error_message = "The webhook has another address than the controller listens on."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[1].webhook_configs[0].http_config.authorization == { type = "Bearer", credentials_file = "/etc/alertmanager/webhook-token" }
    error_message = "The secret must come from a file, as a bearer token."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[0].webhook_configs == []
    error_message = "Nobody asked for a webhook for people."
  }
}

run "a_controller_with_a_certificate_is_asked_and_told_by_https_and_nobody_else_is" {
  command = apply

  variables {
    controller_ca_file = "/etc/canary-ca/controller.pem"
  }

  assert {
    condition = {
      for scrape in yamldecode(output.prometheus_yml).scrape_configs : scrape.job_name => scrape.tls_config.ca_file if try(scrape.scheme, "http") == "https"
    } == { canary-controller = "/etc/canary-ca/controller.pem" }
    error_message = "Only the controller has a certificate."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[1].webhook_configs[0].url == "https://canary-controller:5001/webhooks/alertmanager"
    error_message = "Its port speaks nothing but TLS."
  }
  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[1].webhook_configs[0].http_config.tls_config.ca_file == "/etc/canary-ca/controller.pem"
    error_message = "Alertmanager would not trust it."
  }
}

run "people_are_told_where_an_address_is_given" {
  command = apply

  variables {
    people_webhook_url_file = "/etc/alertmanager/people-url"
  }

  assert {
    condition     = yamldecode(output.alertmanager_yml).receivers[0].webhook_configs[0].url_file == "/etc/alertmanager/people-url"
    error_message = "The address for people must be read from its file."
  }
}

run "two_parts_at_one_address_are_refused" {
  command = plan

  variables {
    addresses = { prometheus = "monitor:9090", controller = "monitor:9090" }
  }

  expect_failures = [var.addresses]
}

run "a_scrape_interval_that_prometheus_would_lose_series_by_is_refused" {
  command = plan

  variables {
    scrape_interval_seconds = 300
  }

  expect_failures = [var.scrape_interval_seconds]
}

run "every_alert_for_the_controller_is_refused" {
  command = plan

  variables {
    controller_matchers = []
  }

  expect_failures = [var.controller_matchers]
}
