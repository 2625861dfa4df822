# A volume that holds given files, filled by a container that runs once and ends.
#
# An upload into a container replaces it whenever the content changes. What reads these files (Prometheus its targets,
# the controller its Canary files) must not restart for a new version of a service, so the files come by a volume.
# It is also the only way into a container with a read-only root, where Docker refuses uploads.

resource "docker_volume" "this" {
  name = var.name
}

resource "docker_image" "writer" {
  name         = var.image
  keep_locally = true
}

resource "docker_container" "writer" {
  name         = "${var.name}-writer"
  image        = docker_image.writer.image_id
  entrypoint   = ["/bin/sh", "/sync.sh"]
  command      = ["/incoming", "/volume"]
  network_mode = "none"
  restart      = "no"
  must_run     = false
  attach       = true
  logs         = true

  upload {
    file       = "/sync.sh"
    content    = file("${path.module}/sync.sh")
    executable = true
  }

  dynamic "upload" {
    for_each = toset(keys(var.files))
    content {
      file        = "/incoming/${upload.value}"
      content     = var.files[upload.value]
      permissions = "0444"
    }
  }

  volumes {
    volume_name    = docker_volume.this.name
    container_path = "/volume"
  }

  lifecycle {
    # A volume that was made anew is empty.
    replace_triggered_by = [docker_volume.this]

    postcondition {
      condition     = self.exit_code == 0
      error_message = "The files could not be put into the volume ${var.name}: see `docker logs ${var.name}-writer`."
    }
  }
}
