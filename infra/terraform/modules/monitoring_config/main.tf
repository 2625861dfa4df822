# The configuration of Prometheus and Alertmanager, rendered from values. Provider-free.

locals {
  interval = "${var.scrape_interval_seconds}s"

  static_targets = {
    prometheus        = var.addresses.prometheus
    alertmanager      = var.addresses.alertmanager
    grafana           = var.addresses.grafana
    canary-controller = var.addresses.controller
  }

  is_tls       = var.controller_ca_file != null
  scheme       = local.is_tls ? "https" : "http"
  trust        = { for name, file in { ca_file = var.controller_ca_file } : name => file if file != null }
  tls_settings = { for name, trust in { tls_config = local.trust } : name => trust if local.is_tls }

  prometheus = {
    global = {
      scrape_interval     = local.interval
      evaluation_interval = local.interval
      external_labels     = { environment = var.environment }
    }
    rule_files = [var.rules_glob]
    alerting   = { alertmanagers = [{ static_configs = [{ targets = [var.addresses.alertmanager] }] }] }
    scrape_configs = concat(
      [
        for name, address in local.static_targets : merge(
          { job_name = name, static_configs = [{ targets = [address] }] },
          { for key, value in merge({ scheme = local.scheme }, local.tls_settings) : key => value if local.is_tls && name == "canary-controller" },
        )
      ],
      # The labels job, service and version come with each target. A label of that name in what the service itself
      # exports is kept as exported_…, so a service cannot claim to be another version.
      [{
        job_name        = "services"
        file_sd_configs = [{ files = [var.targets_glob], refresh_interval = "30s" }]
      }],
    )
  }

  controller_webhook = {
    url           = "${local.scheme}://${var.addresses.controller}/webhooks/alertmanager"
    send_resolved = true
    http_config = merge(
      { authorization = { type = "Bearer", credentials_file = var.webhook_token_file } },
      local.tls_settings,
    )
  }

  receivers = [
    {
      name            = "people"
      webhook_configs = var.people_webhook_url_file == null ? [] : [{ url_file = var.people_webhook_url_file, send_resolved = true }]
    },
    { name = "canary-controller", webhook_configs = [local.controller_webhook] },
  ]

  alertmanager = {
    route = {
      receiver        = "people"
      group_by        = ["alertname", "canary", "service"]
      group_wait      = "30s"
      group_interval  = "5m"
      repeat_interval = "4h"
      # People hear of these too: continue.
      routes = [
        {
          receiver = "canary-controller"
          matchers = var.controller_matchers
          continue = true
          # Users are being hurt meanwhile; grouping for a better overview can wait. An alert that promotes must be told
          # again at each weight.
          group_by        = ["alertname", "canary", "service"]
          group_wait      = "0s"
          group_interval  = "10s"
          repeat_interval = "2m"
        },
        { receiver = "people" },
      ]
    }
    receivers = local.receivers
  }
}
