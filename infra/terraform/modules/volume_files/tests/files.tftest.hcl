mock_provider "docker" {
  mock_resource "docker_container" {
    defaults = { exit_code = 0 }
  }
}

variables {
  name = "staging-targets"
}

run "every_file_goes_into_the_container_that_fills_the_volume" {
  command = apply

  variables {
    files = { "checkout.json" = "[]", "token" = sensitive("secret") }
  }

  assert {
    condition     = toset([for it in docker_container.writer.upload : nonsensitive(it.file)]) == toset(["/sync.sh", "/incoming/checkout.json", "/incoming/token"])
    error_message = "The script and both files must be uploaded."
  }
  assert {
    condition     = docker_container.writer.restart == "no" && !docker_container.writer.must_run
    error_message = "The writer runs once; nothing may start it again."
  }
  assert {
    condition     = output.volume == "staging-targets"
    error_message = "Users of the volume mount it by this name."
  }
}

run "no_files_is_an_empty_volume" {
  command = plan

  variables {
    files = {}
  }

  assert {
    condition     = length(docker_container.writer.upload) == 1
    error_message = "Only the script is uploaded; it empties the volume."
  }
}

run "an_empty_file_is_refused" {
  command = plan

  variables {
    files = { "checkout.json" = "" }
  }

  expect_failures = [var.files]
}

run "a_name_that_leaves_the_folder_is_refused" {
  command = plan

  variables {
    files = { "../passwd" = "x" }
  }

  expect_failures = [var.files]
}

run "a_writer_that_failed_fails_the_apply" {
  command = apply

  variables {
    name  = "staging-broken"
    files = { "checkout.json" = "[]" }
  }

  override_resource {
    target = docker_container.writer
    values = { exit_code = 1 }
  }

  expect_failures = [docker_container.writer]
}

run "the_image_latest_is_refused" {
  command = plan

  variables {
    files = {}
    image = "busybox:latest"
  }

  expect_failures = [var.image]
}
