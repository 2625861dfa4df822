mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  name_prefix    = "test"
  network        = "test"
  auth_token_key = "dGhpcyBrZXkgaXMgZm9yIHRlc3RzIGFuZCBub3RoaW5nIGVsc2U="
  auth_identity  = "only-for-this-test"
  passwords      = { admin = "admin-for-tests", canary = "canary-for-tests", fleet = "fleet-for-tests" }
}

run "standalone_is_a_current_3_x_with_access_control" {
  command = apply

  assert {
    condition     = docker_image.nacos.name == "nacos/nacos-server:v3.1.2"
    error_message = "The default must be the pinned 3.x."
  }
  assert {
    condition     = length(docker_container.nacos) == 1 && contains(nonsensitive(docker_container.nacos[0].env), "MODE=standalone")
    error_message = "One member is a standalone server."
  }
  assert {
    condition     = contains(nonsensitive(docker_container.nacos[0].env), "NACOS_AUTH_ENABLE=true")
    error_message = "Without access control the v1 API takes writes from anyone."
  }
  assert {
    condition     = strcontains(join(" ", docker_container.nacos[0].healthcheck[0].test), "/nacos/v3/admin/core/state/readiness")
    error_message = "A 3.x server has no v1 health check."
  }
  assert {
    condition     = length(docker_container.nacos[0].ports) == 0 && output.host_ports == {}
    error_message = "Nothing is published unless a port is named."
  }
  assert {
    condition     = contains(docker_container.users.env, "NACOS_API=v3")
    error_message = "Users of a 3.x server are made by its v3 API."
  }
}

run "the_2_5_option_uses_the_v1_api_throughout" {
  command = apply

  variables {
    release = "2.5"
  }

  assert {
    condition     = docker_image.nacos.name == "nacos/nacos-server:v2.5.3"
    error_message = "2.5 must be pinned too."
  }
  assert {
    condition     = strcontains(join(" ", docker_container.nacos[0].healthcheck[0].test), "/nacos/v1/console/health/readiness") && contains(docker_container.users.env, "NACOS_API=v1")
    error_message = "A 2.5 server has no v3 API."
  }
}

run "a_cluster_knows_its_members_and_its_database" {
  command = apply

  variables {
    members           = 3
    database          = { host = "db.example", name = "nacos", user = "nacos" }
    database_password = "database-for-tests"
  }

  assert {
    condition = alltrue([
      for member in docker_container.nacos :
      contains(nonsensitive(member.env), "NACOS_SERVERS=nacos-0:8848 nacos-1:8848 nacos-2:8848") && contains(nonsensitive(member.env), "MYSQL_SERVICE_HOST=db.example")
    ])
    error_message = "Every member must know all members and the database."
  }
  assert {
    condition     = docker_container.nacos[1].hostname == "nacos-1" && contains(nonsensitive(docker_container.nacos[1].env), "PREFER_HOST_MODE=hostname")
    error_message = "Members find themselves in the list by their host name."
  }
  assert {
    condition     = anytrue([for line in nonsensitive(docker_container.nacos[0].env) : can(regex("^MYSQL_SERVICE_DB_PARAM=.*sslMode=REQUIRED", line))])
    error_message = "The connection to the database must be encrypted unless somebody says otherwise."
  }
  assert {
    condition     = output.urls == ["http://nacos-0:8848/nacos", "http://nacos-1:8848/nacos", "http://nacos-2:8848/nacos"]
    error_message = "The controller needs every member's address."
  }
}

run "a_published_api_brings_the_grpc_port_with_it" {
  command = apply

  variables {
    host_port         = 8848
    console_host_port = 8081
  }

  assert {
    condition     = { for it in docker_container.nacos[0].ports : it.internal => it.external } == { 8848 = 8848, 9848 = 9848, 8080 = 8081 }
    error_message = "Go and Java clients connect to the port 1000 above the API's."
  }
  assert {
    condition     = alltrue([for it in docker_container.nacos[0].ports : it.ip == "127.0.0.1"])
    error_message = "Ports are published on loopback unless somebody says otherwise."
  }
}

run "a_cluster_without_a_database_is_refused" {
  command = plan

  variables {
    members = 3
  }

  expect_failures = [var.members]
}

run "an_even_number_of_members_is_refused" {
  command = plan

  variables {
    members = 2
  }

  expect_failures = [var.members]
}

run "a_database_without_its_password_is_refused" {
  command = plan

  variables {
    database = { host = "db.example", name = "nacos", user = "nacos" }
  }

  expect_failures = [var.database_password]
}

run "a_weak_signing_key_is_refused" {
  command = plan

  variables {
    auth_token_key = "c2hvcnQ="
  }

  expect_failures = [var.auth_token_key]
}

run "one_password_for_everybody_is_refused" {
  command = plan

  variables {
    passwords = { admin = "same-for-all-of-them", canary = "same-for-all-of-them", fleet = "same-for-all-of-them" }
  }

  expect_failures = [var.passwords]
}

run "a_console_port_of_2_5_is_refused" {
  command = plan

  variables {
    release           = "2.5"
    console_host_port = 8081
  }

  expect_failures = [var.console_host_port]
}
