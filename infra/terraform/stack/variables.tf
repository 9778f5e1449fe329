# Made from infra/template.yaml, which says why, by `cargo xtask infra`: change that, not this.

variable "stack_name" {
  type        = string
  default     = "addon-rotation"
  description = "What the names of everything in the stack begin with, and the value of the tag rotation:stack."

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,24}$", var.stack_name))
    error_message = "stack_name has 1 to 25 letters, digits and hyphens: the names of roles have at most 64."
  }
}

variable "package_directory" {
  type        = string
  description = "The directory with the functions' zips: a release's, or target/package after `cargo xtask package`."
}

variable "administrator_secret_name_prefix" {
  type        = string
  default     = "addon/masters/"
  description = "The prefix of the names of the administrators' secrets (masterarn)."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,200}$", var.administrator_secret_name_prefix))
    error_message = "administrator_secret_name_prefix must be 1 to 200 of the characters that a secret's name may have."
  }
}

variable "alarm_topic_arn" {
  type        = string
  default     = ""
  description = "The SNS topic that receives every alarm. Empty for none."
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be empty, or the ARN of a standard SNS topic."
  }
}

variable "allow_private_addresses" {
  type        = string
  default     = "false"
  description = "Whether the http engine may ask a service at a private address: one in the VPC. The databases' engines always may."
  nullable    = false

  validation {
    condition     = contains(["true", "false"], var.allow_private_addresses)
    error_message = "allow_private_addresses must be one of true, false."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "The functions' processor. It must be the one that the functions were built for."
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be one of x86_64, arm64."
  }
}

variable "ca_bundle_layer" {
  type        = string
  default     = ""
  description = "Name and version of a Lambda layer of this account and region, with the file ca-bundle.pem: root certificates to trust at the add-on's service besides Mozilla's, such as those of Amazon RDS. Empty for none."
  nullable    = false

  validation {
    condition     = can(regex("^$|^[A-Za-z0-9_-]{1,140}:[1-9][0-9]*$", var.ca_bundle_layer))
    error_message = "ca_bundle_layer must be empty, or a layer's name and version, as in ca-bundle:1."
  }
}

variable "detailed_metrics" {
  type        = string
  default     = "false"
  description = "Whether each step is measured, throttling has alarms, and there is a dashboard. What tells of credentials that live too long is always there. Metrics, alarms and the dashboard cost the same for any number of instances."
  nullable    = false

  validation {
    condition     = contains(["true", "false"], var.detailed_metrics)
    error_message = "detailed_metrics must be one of true, false."
  }
}

variable "grace_period_seconds" {
  type        = number
  default     = 7200
  description = "How long an old credential works after the new one is current, in seconds. Heroku asks for one to two hours: dynos in Private Spaces restart slowly. The tag rotation:revoke-after sets it for one secret. A change applies from the next rotation on."
  nullable    = false

  validation {
    condition     = var.grace_period_seconds >= 1 && var.grace_period_seconds <= 604800
    error_message = "grace_period_seconds must be from 1 to 604800."
  }
}

variable "heroku_api_url" {
  type        = string
  default     = "https://api.heroku.com"
  description = "The base URL of Heroku's partner APIs. Change it for test stands only."
  nullable    = false

  validation {
    condition     = can(regex("^https?://.+$", var.heroku_api_url))
    error_message = "heroku_api_url must match ^https?://.+$."
  }
}

variable "heroku_oauth_url" {
  type        = string
  default     = "https://id.heroku.com/oauth/token"
  description = "Heroku's token endpoint. Change it for test stands only."
  nullable    = false

  validation {
    condition     = can(regex("^https?://.+$", var.heroku_oauth_url))
    error_message = "heroku_oauth_url must match ^https?://.+$."
  }
}

variable "hold_while_in_use_seconds" {
  type        = number
  default     = 0
  description = "The longest that a revocation waits while sessions are open with the old credential, in seconds. 0 switches waiting off. The tag rotation:hold-while-in-use sets it for one secret. A leaked credential works that much longer."
  nullable    = false

  validation {
    condition     = var.hold_while_in_use_seconds >= 0 && var.hold_while_in_use_seconds <= 43200
    error_message = "hold_while_in_use_seconds must be from 0 to 43200."
  }
}

variable "log_kms_key_arn" {
  type        = string
  default     = ""
  description = "A customer-managed KMS key for the functions' logs, whose policy lets CloudWatch Logs use it. Empty for CloudWatch Logs' own encryption."
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be empty, or the ARN of a KMS key (not of an alias)."
  }
}

variable "log_retention_in_days" {
  type        = number
  default     = 90
  description = "How long the functions' logs are kept, in days. They hold no secret value."
  nullable    = false

  validation {
    condition = contains([
      1,
      3,
      5,
      7,
      14,
      30,
      60,
      90,
      120,
      150,
      180,
      365,
      400,
      545,
      731,
      1096,
      1827,
      2192,
      2557,
      2922,
      3288,
      3653,
    ], var.log_retention_in_days)
    error_message = "log_retention_in_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "minimum_rotation_interval_seconds" {
  type        = number
  default     = 3600
  description = "The shortest time from an instance's last rotation until start-rotation starts another. Each restarts the dynos of the customer's apps."
  nullable    = false

  validation {
    condition     = var.minimum_rotation_interval_seconds >= 0 && var.minimum_rotation_interval_seconds <= 604800
    error_message = "minimum_rotation_interval_seconds must be from 0 to 604800."
  }
}

variable "oauth_secret_name_prefix" {
  type        = string
  default     = "addon/oauth/"
  description = "The prefix of the names of the secrets in which a version before 0.2 kept refresh tokens (v3)."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,200}$", var.oauth_secret_name_prefix))
    error_message = "oauth_secret_name_prefix must be 1 to 200 of the characters that a secret's name may have."
  }
}

variable "partner_secret_arn" {
  type        = string
  description = "The ARN of the add-on service's own secret: id and password of the manifest (v1), client_secret (v3)."
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.partner_secret_arn))
    error_message = "partner_secret_arn must be the ARN of a secret, its six random characters included."
  }
}

variable "recovery_window_in_days" {
  type        = number
  default     = 30
  description = "The recovery window of the secrets that deprovision-addon deletes, in days."
  nullable    = false

  validation {
    condition     = var.recovery_window_in_days >= 7 && var.recovery_window_in_days <= 30
    error_message = "recovery_window_in_days must be from 7 to 30."
  }
}

variable "reserved_concurrent_executions" {
  type        = number
  default     = 0
  description = "The reserved concurrency of each function: how many rotations and revocations run at the same time at most, and always can. 0 reserves none. Lambda keeps 100 of the account's concurrency unreserved."
  nullable    = false

  validation {
    condition     = var.reserved_concurrent_executions >= 0 && var.reserved_concurrent_executions <= 1000
    error_message = "reserved_concurrent_executions must be from 0 to 1000."
  }
}

variable "rotation_days" {
  type        = number
  default     = 90
  description = "How often Secrets Manager rotates an instance, in days, unless its enrolment says otherwise. A change applies to instances that are enrolled afterwards."
  nullable    = false

  validation {
    condition     = var.rotation_days >= 1 && var.rotation_days <= 365
    error_message = "rotation_days must be from 1 to 365."
  }
}

variable "secret_name_prefix" {
  type        = string
  default     = "addon/credentials/"
  description = "The prefix of the names of all rotating secrets, and of no others. None of the three prefixes can begin with another. Each rotating secret also needs the tag rotation:stack with this stack's name."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,200}$", var.secret_name_prefix))
    error_message = "secret_name_prefix must be 1 to 200 of the characters that a secret's name may have."
  }
}

variable "secrets_kms_key_arn" {
  type        = string
  default     = ""
  description = "The customer-managed KMS key that encrypts the secrets. Empty for the AWS managed key aws/secretsmanager. The key's policy must leave its use to IAM (the default does)."
  nullable    = false

  validation {
    condition     = can(regex("^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.secrets_kms_key_arn))
    error_message = "secrets_kms_key_arn must be empty, or the ARN of a KMS key (not of an alias)."
  }
}

variable "security_group_ids" {
  type        = list(string)
  default     = []
  description = "The security groups of the functions in these subnets; at least one if there are subnets."
  nullable    = false
}

variable "subnet_ids" {
  type        = list(string)
  default     = []
  description = "Subnets for create-secret, test-secret, revoke-secret, enroll-addon and deprovision-addon, which reach the add-on's service. Empty if the service is reached over the internet. They need a way to Secrets Manager, Lambda, EventBridge, EventBridge Scheduler, api.heroku.com and id.heroku.com (a NAT gateway)."
  nullable    = false
}

variable "tracing" {
  type        = string
  default     = "PassThrough"
  description = "Active records each invocation in AWS X-Ray."
  nullable    = false

  validation {
    condition     = contains(["PassThrough", "Active"], var.tracing)
    error_message = "tracing must be one of PassThrough, Active."
  }
}
