# The Canary of one service as a file for the controller, with the two SLOs of a web service. Provider-free.
#
# Write the file by hand instead where a service needs more than this; docs/reference/canary.md has every field.

locals {
  selector = "job=\"${var.service}\""
  window   = "${max(60, 4 * var.scrape_interval_seconds)}s"

  error_rate = var.error_rate == null ? [] : [merge(
    {
      name = "error-rate"
      ratio = {
        bad   = "${var.error_rate.counter}{${local.selector},${var.error_rate.bad}}"
        total = "${var.error_rate.counter}{${local.selector}}"
      }
      maxDelta = var.error_rate.max_delta
    },
    var.error_rate.min_requests == null ? {} : { minRequests = var.error_rate.min_requests },
  )]

  latency = var.latency == null ? [] : [{
    name = "latency-p${replace(var.latency.quantile * 100, ".", "-")}"
    latency = {
      histogram = "${var.latency.histogram}{${local.selector}}"
      quantile  = var.latency.quantile
    }
    maxDelta = var.latency.max_delta
  }]

  canary = {
    apiVersion = "canary/v1"
    kind       = "Canary"
    metadata   = { name = var.service }
    spec = merge(
      { service = var.service, stableRevision = var.stable_revision },
      var.revision == null ? {} : { revision = var.revision },
      {
        strategy = {
          steps = [
            for step in var.steps : merge(
              { setWeight = step.weight, bake = step.bake },
              step.approval ? { approval = "required" } : {},
            )
          ]
          ready = {
            query = "count(up{${local.selector},version=\"{{canary}}\"} == 1)"
            min   = var.ready_instances
          }
        }
        analysis = {
          window = local.window
          # Two lists of different shapes make one list only as a tuple: concat keeps each metric's own fields.
          metrics = concat(local.error_rate, local.latency)
        }
      },
    )
  }
}
