variable "addon_id" {
  type        = string
  description = "The add-on resource's UUID."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9@.-]{1,128}$", var.addon_id))
    error_message = "addon_id must be the uuid of Heroku's provision request."
  }
}

variable "enrolment_file" {
  type        = string
  description = "A file with enroll-addon's event: {\"Document\": {...}, \"RefreshToken\": \"...\"}. It is read when the instance is created, by the AWS CLI and not by Terraform. Delete it afterwards."
  nullable    = false
}

variable "stack_name" {
  type        = string
  default     = "addon-rotation"
  description = "The stack's stack_name."
  nullable    = false
}

variable "secret_name_prefix" {
  type        = string
  default     = "addon/credentials/"
  description = "The stack's secret_name_prefix."
  nullable    = false
}
