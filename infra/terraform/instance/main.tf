data "aws_region" "current" {}

# Terraform sees neither the document nor a token, so that its state holds none. aws_lambda_invocation would store its
# input there, and the end of an aws_secretsmanager_secret_version takes every label off the version that it made:
# nobody would know that its credential is alive.
#
# The end of this resource changes nothing in AWS. What ends an instance is deprovision-addon.
resource "terraform_data" "enrolment" {
  triggers_replace = [var.stack_name, var.addon_id]

  provisioner "local-exec" {
    command = "sh \"$MODULE/enrol.sh\""

    environment = {
      MODULE         = abspath(path.module)
      REGION         = data.aws_region.current.name
      FUNCTION       = "${var.stack_name}-enroll-addon"
      ENROLMENT_FILE = var.enrolment_file
    }
  }
}

# What is known of the secret, without its value.
data "aws_secretsmanager_secret" "instance" {
  name = "${var.secret_name_prefix}${var.addon_id}"

  depends_on = [terraform_data.enrolment]

  lifecycle {
    postcondition {
      condition     = lookup(self.tags, "rotation:stack", "") == var.stack_name
      error_message = "The secret ${self.name} has no tag rotation:stack = ${var.stack_name}: another stack rotates it, or none."
    }
  }
}
