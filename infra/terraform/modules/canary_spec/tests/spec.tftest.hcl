variables {
  service         = "checkout"
  stable_revision = "v1.5.0"
}

run "the_two_slos_of_a_web_service_are_the_default" {
  command = apply

  assert {
    condition = yamldecode(output.yaml).spec.analysis.metrics == [
      {
        name     = "error-rate"
        ratio    = { bad = "http_requests_total{job=\"checkout\",code=~\"5..\"}", total = "http_requests_total{job=\"checkout\"}" }
        maxDelta = 0.005
      },
      {
        name     = "latency-p99"
        latency  = { histogram = "request_latency_bucket{job=\"checkout\"}", quantile = 0.99 }
        maxDelta = 0.05
      },
    ]
    error_message = "An error rate and a latency, both compared with stable, must be there."
  }
  assert {
    condition     = !can(yamldecode(output.yaml).spec.revision)
    error_message = "Without a revision the pipeline names it; the file must not."
  }
  assert {
    condition     = output.file_name == "checkout.yaml"
    error_message = "The file is named after the service."
  }
}

run "a_service_may_be_judged_by_one_slo" {
  command = apply

  variables {
    latency  = null
    revision = "v1.5.1"
    steps    = [{ weight = 10, bake = "5m", approval = true }, { weight = 100, bake = "1h30m" }]
  }

  assert {
    condition     = [for metric in yamldecode(output.yaml).spec.analysis.metrics : metric.name] == ["error-rate"]
    error_message = "Only the error rate was asked for."
  }
  assert {
    condition     = yamldecode(output.yaml).spec.strategy.steps == [{ setWeight = 10, bake = "5m", approval = "required" }, { setWeight = 100, bake = "1h30m" }]
    error_message = "The approval belongs to the first step only."
  }
  assert {
    condition     = yamldecode(output.yaml).spec.revision == "v1.5.1"
    error_message = "The revision must be in the file."
  }
}

run "few_requests_may_be_no_data" {
  command = apply

  variables {
    error_rate = { min_requests = 100 }
    latency    = null
  }

  assert {
    condition     = yamldecode(output.yaml).spec.analysis.metrics[0].minRequests == 100
    error_message = "minRequests was asked for and is not in the file."
  }
}

run "the_window_holds_four_scrapes" {
  command = apply

  variables {
    scrape_interval_seconds = 30
  }

  assert {
    condition     = yamldecode(output.yaml).spec.analysis.window == "120s"
    error_message = "A rate over fewer than four scrapes is chance."
  }
}

run "a_canary_without_any_slo_is_refused" {
  command = plan

  variables {
    error_rate = null
    latency    = null
  }

  expect_failures = [var.latency]
}

run "steps_that_do_not_rise_are_refused" {
  command = plan

  variables {
    steps = [{ weight = 50, bake = "5m" }, { weight = 25, bake = "5m" }, { weight = 100, bake = "5m" }]
  }

  expect_failures = [var.steps]
}

run "steps_that_do_not_end_at_100_are_refused" {
  command = plan

  variables {
    steps = [{ weight = 50, bake = "5m" }]
  }

  expect_failures = [var.steps]
}

run "a_bake_that_is_no_duration_is_refused" {
  command = plan

  variables {
    steps = [{ weight = 100, bake = "soon" }]
  }

  expect_failures = [var.steps]
}
